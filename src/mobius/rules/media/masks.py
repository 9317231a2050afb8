"""Masks: the parts of a picture that are not compared, written by hand into `masks.json` beside the golden."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mobius.errors import UsageError
from mobius.model.golden import Mask

SYSTEMS = ("linux", "macos", "windows")
MOST_MASKED = 0.20  # of a picture; whoever masks more compares nothing that counts
RECTANGLE, CIRCLE = {"shape", "x", "y", "width", "height"}, {"shape", "x", "y", "radius"}
ALSO = {"frames", "os", "reason"}
EXAMPLE = '{"masks": [{"shape": "rect", "x": 0, "y": 0, "width": 120, "height": 40, "reason": "the clock"}]}'


def masks_of(told: Any) -> tuple[Mask, ...]:
    """Those of a masks.json: `{"masks": [...]}`, each a rectangle (x, y, width, height) or a circle (x, y of its
    middle, radius), with `frames` (the times) and `os` where it holds for some only.
    Raises `UsageError` with every mistake."""
    rows = told.get("masks") if isinstance(told, dict) and set(told) <= {"masks", "schema_version"} else None
    if not isinstance(rows, list):
        raise UsageError("masks.json has no list named masks", f"write it so: {EXAMPLE}")
    wrong = [f"mask {at}: {what}" for at, row in enumerate(rows, 1) for what in _mistakes(row)]
    if wrong:
        raise UsageError("masks.json cannot be used", f"write a mask so: {EXAMPLE}", details=tuple(wrong))
    return tuple(_mask(row) for row in rows)


def holding(masks: Sequence[Mask], at_s: float, system: str) -> tuple[Mask, ...]:
    """Those that hold for the frame at this time on this system."""
    return tuple(
        mask
        for mask in masks
        if (not mask.times or any(math.isclose(at_s, time) for time in mask.times))
        and (not mask.systems or system in mask.systems)
    )


def _mistakes(row: Any) -> list[str]:
    if not isinstance(row, dict):
        return ["is no object"]
    wanted = {"rect": RECTANGLE, "circle": CIRCLE}.get(str(row.get("shape")))
    if wanted is None:
        return ["shape is rect or circle"]
    found = [f"{name} is missing" for name in sorted(wanted - set(row))]
    found += [f"{name} is unknown" for name in sorted(set(row) - wanted - ALSO)]
    for name in sorted((wanted & set(row)) - {"shape"}):
        least = 0 if name in ("x", "y") else 1
        if type(row[name]) is not int or row[name] < least:
            found.append(f"{name} is a whole number of pixels from {least} on")
    if not _is_list(row.get("frames", []), lambda one: type(one) in (int, float) and math.isfinite(one)):
        found.append("frames is a list of seconds")
    if not _is_list(row.get("os", []), lambda one: one in SYSTEMS):
        found.append(f"os is a list of {', '.join(SYSTEMS)}")
    return found


def _is_list(value: Any, good: Any) -> bool:
    return isinstance(value, list) and all(good(one) for one in value)


def _mask(row: Mapping[str, Any]) -> Mask:
    x, y, wide, high = row["x"], row["y"], row.get("width", 0), row.get("height", 0)
    if row["shape"] == "circle":
        radius = row["radius"]
        x, y, wide, high = x - radius, y - radius, 2 * radius, 2 * radius
    times, systems = tuple(float(one) for one in row.get("frames", [])), tuple(row.get("os", []))
    return Mask(row["shape"], x, y, wide, high, times, systems, str(row.get("reason", "")))
