"""The picture of a rehearsal: statements over time with what readers and writers waited, and ways back beside targets.

As in the other plots, nothing that others wrote enters the SVG: it is made of numbers alone, and words stand beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mobius.report.words import duration

WIDTH, LANE, GAP = 1000.0, 22.0, 6.0
NARROWEST = 3.0
CLOSE_PCT = 4.0  # pins nearer than a phone can show share one


@dataclass(frozen=True, slots=True)
class Pin:
    """The number of a statement above its place, 0 to 100; "3–7" where several are too close."""

    label: str
    left_pct: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """`svg` is trusted: three lanes (runs, readers wait, writers wait). `axis`: the labels of its time axis."""

    svg: str
    pins: tuple[Pin, ...]
    axis: tuple[str, ...]
    summary: str


@dataclass(frozen=True, slots=True)
class WayBar:
    """One way back against its target. `svg` is trusted."""

    way: str
    state: str
    svg: str
    took: str
    told: str


def timeline(facts: Mapping[str, Any]) -> Timeline | None:
    """The statements that are told, one after the other as they ran; None where none is."""
    ran: Sequence[Mapping[str, Any]] = facts.get("statements") or ()
    takes = [_longest(each) for each in ran]
    whole = sum(takes)
    if not ran or whole <= 0:
        return None
    drawing, pins, left = [], [], 0.0
    for number, (each, taken) in enumerate(zip(ran, takes, strict=True), 1):
        kind = "bad" if each.get("error") else "runs"
        drawing.append(_rect(kind, left, _seconds(each, "seconds"), whole, 0))
        drawing += [
            _rect(f"{who}-wait", left, _seconds(each, f"{who}_blocked_s"), whole, lane)
            for lane, who in ((1, "read"), (2, "write"))
            if _seconds(each, f"{who}_blocked_s") > 0
        ]
        pins.append((number, 100 * left / whole))
        left += taken
    worst = {who: max(_seconds(each, f"{who}_blocked_s") for each in ran) for who in ("read", "write")}
    told = (
        f"{who}s waited {duration(wait)} at most" if wait else f"no {who} waited"
        for who, wait in worst.items()
    )
    summary = ", ".join(told)
    height = 3 * LANE + 2 * GAP
    return Timeline(
        _svg([*_lanes(), *drawing], height),
        _pins(pins),
        ("0 s", duration(whole / 2), duration(whole)),
        summary,
    )


def way_bars(ways: Sequence[Mapping[str, Any]], target_s: float, told: Sequence[str]) -> list[WayBar]:
    """Each way back as a bar, with the target as a line. A way that was not measured has no bar."""
    longest = max([target_s, *(float(way["seconds"]) for way in ways)], default=0.0) * 1.05 or 1.0
    bars = []
    for way, words in zip(ways, told, strict=True):
        seconds = float(way["seconds"])
        kind = {"open": "good", "closed": "bad"}.get(str(way["state"]), "unknown")
        drawing = [_rect(kind, 0.0, seconds, longest, 0)] if seconds else []
        if target_s:
            x = WIDTH * target_s / longest
            drawing.append(f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{LANE:.0f}"/>')
        took = duration(seconds) if seconds else "not measured"
        bars.append(WayBar(str(way["way"]), str(way["state"]), _svg(drawing, LANE), took, words))
    return bars


def _longest(each: Mapping[str, Any]) -> float:
    """What a statement held up goes on until it is given free: a wait may be longer than the statement."""
    return max(_seconds(each, "seconds"), _seconds(each, "read_blocked_s"), _seconds(each, "write_blocked_s"))


def _seconds(each: Mapping[str, Any], name: str) -> float:
    return max(0.0, float(each.get(name) or 0.0))


def _rect(kind: str, left_s: float, seconds: float, whole_s: float, lane: int) -> str:
    x, width = WIDTH * left_s / whole_s, max(NARROWEST, WIDTH * seconds / whole_s)
    x = min(x, WIDTH - NARROWEST)
    y = lane * (LANE + GAP)
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{min(width, WIDTH - x):.1f}" height="{LANE:.0f}"/>'


def _lanes() -> list[str]:
    return [
        f'<rect class="lane" x="0" y="{lane * (LANE + GAP):.0f}" width="{WIDTH:.0f}" height="{LANE:.0f}"/>'
        for lane in range(3)
    ]


def _pins(places: Sequence[tuple[int, float]]) -> tuple[Pin, ...]:
    found: list[tuple[int, int, float]] = []
    for number, left in places:
        if found and left - found[-1][2] < CLOSE_PCT:
            first, _, at = found[-1]
            found[-1] = (first, number, at)
        else:
            found.append((number, number, left))
    return tuple(
        Pin(f"{first}" if first == last else f"{first}–{last}", min(left, 98.0))
        for first, last, left in found
    )


def _svg(drawing: Sequence[str], height: float) -> str:
    box = f'viewBox="0 0 {WIDTH:.0f} {height:.0f}" preserveAspectRatio="none"'
    return f'<svg {box} aria-hidden="true">{"".join(drawing)}</svg>'
