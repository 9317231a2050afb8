"""The loudness of a film over time as a drawing: the short-term curve, and the band that is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEAST_SPAN_LU = 24.0
FLOOR_LUFS, TOP_LUFS = -70.0, 5.0
STEP_LU = 6


@dataclass(frozen=True, slots=True)
class Curve:
    """In a box of 100 by 100. `line`: the points; `band`: upper edge and height of what is wanted, None for nothing;
    `grid`: (place, level in words)."""

    line: str
    band: tuple[float, float] | None
    band_words: str
    grid: Sequence[tuple[float, str]]
    until: str
    words: str


def curve_of(points: Sequence[Sequence[float]], limits: tuple[float, float] | None) -> Curve | None:
    """None where there is nothing to draw. `limits`: the loudness wanted, and how far from it."""
    points = [point for point in points if len(point) == 2]
    if len(points) < 2:
        return None
    levels = [max(FLOOR_LUFS, level) for _, level in points]
    wanted = [] if limits is None else [limits[0] - limits[1], limits[0] + limits[1]]
    high = min(TOP_LUFS, max(*levels, *wanted, -12.0) + 3)
    low = max(FLOOR_LUFS, min(min([*levels, *wanted]) - 3, high - LEAST_SPAN_LU))
    last = points[-1][0] or 1.0

    def place(level: float) -> float:
        return round(100 * (high - level) / (high - low), 2)

    line = " ".join(f"{100 * at / last:.2f},{place(max(low, level)):.2f}" for at, level in points)
    first = -(-int(low) // STEP_LU) * STEP_LU
    grid = [(place(level), _said(level)) for level in range(first, int(high) + 1, STEP_LU) if level > low]
    band, words = None, ""
    if limits is not None:
        top, bottom = place(wanted[1]), place(wanted[0])
        band = (top, round(bottom - top, 2))
        words = f"{_said(limits[0])} ± {limits[1]:g} LUFS wanted of the whole"
    told = (
        f"short-term loudness from {_said(min(levels))} to {_said(max(levels))} LUFS over {last:.0f} seconds"
    )
    return Curve(line, band, words, grid, f"{last:.0f} s", told)


def _said(level: float) -> str:
    return f"{level:.4g}".replace("-", "−")
