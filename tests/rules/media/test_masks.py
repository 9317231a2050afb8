"""Masks are written by hand, so every mistake is named."""

from __future__ import annotations

import pytest

from mobius.errors import UsageError
from mobius.model.golden import Mask
from mobius.rules.media.masks import holding, masks_of


def test_a_rectangle_and_a_circle_are_read() -> None:
    rectangle = {"shape": "rect", "x": 1, "y": 2, "width": 30, "height": 40, "frames": [5], "os": ["linux"]}
    circle = {"shape": "circle", "x": 50, "y": 60, "radius": 10, "reason": "a spinner"}
    assert masks_of({"masks": [rectangle, circle]}) == (
        Mask("rect", 1, 2, 30, 40, (5.0,), ("linux",)),
        Mask("circle", 40, 50, 20, 20, reason="a spinner"),
    )


def test_a_mask_holds_for_its_frames_and_systems_only() -> None:
    mask = Mask("rect", 0, 0, 8, 8, (5.0,), ("linux",))
    assert holding([mask], 5.0, "linux") == (mask,)
    assert holding([mask], 5.0, "macos") == ()
    assert holding([mask], 10.0, "linux") == ()


@pytest.mark.parametrize(
    ("row", "mistake"),
    [
        ({"shape": "oval"}, "mask 1: shape is rect or circle"),
        ({"shape": "circle", "x": 1, "y": 1}, "mask 1: radius is missing"),
        (
            {"shape": "circle", "x": 1, "y": 1, "radius": 0},
            "mask 1: radius is a whole number of pixels from 1 on",
        ),
        (
            {"shape": "circle", "x": True, "y": 1, "radius": 3},
            "mask 1: x is a whole number of pixels from 0 on",
        ),
        (
            {"shape": "circle", "x": 1, "y": 1, "radius": 3, "os": ["beos"]},
            "mask 1: os is a list of linux, macos, windows",
        ),
        (
            {"shape": "circle", "x": 1, "y": 1, "radius": 3, "frames": [float("nan")]},
            "mask 1: frames is a list of seconds",
        ),
        ({"shape": "circle", "x": 1, "y": 1, "radius": 3, "dynamic": 1}, "mask 1: dynamic is unknown"),
        (7, "mask 1: is no object"),
    ],
)
def test_every_mistake_is_named(row: object, mistake: str) -> None:
    with pytest.raises(UsageError) as refused:
        masks_of({"masks": [row]})
    assert refused.value.details == (mistake,)


@pytest.mark.parametrize("told", [[], {}, {"masks": {}}, {"mask": []}, None])
def test_what_is_no_list_of_masks_is_refused(told: object) -> None:
    with pytest.raises(UsageError, match="no list named masks"):
        masks_of(told)
