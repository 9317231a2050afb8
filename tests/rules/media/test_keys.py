"""Under which key a measurement is known."""

from __future__ import annotations

from typing import Any

import pytest

from mobius.rules.media.keys import can_be_known, golden_files, key_of, sha256_of_film

FILM = ("a.mp4", "aa" * 32)
ROW = {"at_s": 5.0, "file": "frames/frame_5s.mkv", "sha256": "bb" * 32, "masks": []}
OPTIONS = {"act": "compare", "frames": [ROW], "folder": "tests/golden/a", "variant": "ffmpeg-yuv-all"}
METER = {"meter": "1", "av": "18.1.0", "libraries": {"libavcodec": "62.1.2"}}
KEY = key_of(FILM, "golden", OPTIONS, METER, ["cc" * 32])


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"film": ("a.mp4", "ab" * 32)}, id="another film"),
        pytest.param({"film": ("b.mp4", "aa" * 32)}, id="its name, which is in the words"),
        pytest.param({"job": "probe"}, id="another question"),
        pytest.param({"options": {**OPTIONS, "deep": True}}, id="every frame decoded"),
        pytest.param({"options": {**OPTIONS, "variant": "legacy-rgb"}}, id="another SSIM"),
        pytest.param({"options": {**OPTIONS, "frames": [{**ROW, "sha256": "bc" * 32}]}}, id="another golden"),
        pytest.param({"options": {**OPTIONS, "frames": [{**ROW, "masks": [{"x": 1}]}]}}, id="another mask"),
        pytest.param({"golden": ["cd" * 32]}, id="a frame's file that was changed"),
        pytest.param({"meter": {**METER, "av": "18.2.0"}}, id="another PyAV"),
        pytest.param({"meter": {**METER, "libraries": {"libavcodec": "62.1.3"}}}, id="another FFmpeg"),
    ],
)
def test_whatever_a_reading_depends_on_is_in_the_key(other: dict[str, Any]) -> None:
    told = {"film": FILM, "job": "golden", "options": OPTIONS, "meter": METER, "golden": ["cc" * 32]} | other
    assert key_of(told["film"], told["job"], told["options"], told["meter"], told["golden"]) != KEY


def test_where_the_golden_lies_and_the_order_of_words_are_not() -> None:
    moved = dict(reversed(list({**OPTIONS, "folder": "elsewhere"}.items())))
    assert key_of(FILM, "golden", moved, METER, ["cc" * 32]) == KEY


def test_what_also_writes_files_is_never_known() -> None:
    assert can_be_known("golden", {"act": "compare"}) and can_be_known("golden", {"act": "describe"})
    assert can_be_known("probe", {}) and can_be_known("loudness", {})
    assert not any(can_be_known("golden", {"act": act}) for act in ("take", "pictures", "adopt", ""))
    assert not can_be_known("shown", {})


def test_an_answer_says_which_film_it_is_of() -> None:
    assert (
        sha256_of_film("golden", {"film": {"sha256": "aa"}})
        == sha256_of_film("probe", {"sha256": "aa"})
        == "aa"
    )
    assert sha256_of_film("loudness", {"sha256": "aa"}) is sha256_of_film("golden", []) is None
    assert golden_files(OPTIONS) == ("frames/frame_5s.mkv",)
    assert golden_files({"frames": [{"at_s": 1.0}, 5]}) == golden_files({}) == ()
