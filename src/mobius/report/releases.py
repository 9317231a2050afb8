"""The list of releases: for a terminal, for a phone, and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

from mobius.model.release import Release, ReleaseState
from mobius.model.status import ReleaseAtHand
from mobius.report.words import clock, duration, iso, printable, size, wrapped

ROOM_FOR_COLUMNS = 96  # from this width on, one line a release


def releases_text(
    rows: Sequence[ReleaseAtHand], now: float, width: int = 80, tz: tzinfo | None = None
) -> str:
    """A table where there is room for one, else two lines a release."""
    lines = [_cells(row, now, tz) for row in rows]
    if width < ROOM_FOR_COLUMNS:
        return "\n".join(line for cells in lines for line in _stacked(cells, width))
    head = ("release", "tag", "state", "since", "size", "mark", "way back")
    across = [max(len(cells[n]) for cells in [head, *lines]) for n in range(len(head))]
    return "\n".join(
        "  ".join(f"{cell:<{wide}}" for cell, wide in zip(cells, across, strict=True)).rstrip()
        for cells in [head, *lines]
    )


def release_json(row: ReleaseAtHand) -> dict[str, Any]:
    """One release as plain JSON types; times also as ISO 8601."""
    release = dataclasses.asdict(row.release)
    return {
        "schema_version": 1,
        **release,
        "staged": iso(row.release.staged_at),
        "live": iso(row.release.live_since),
        "mark": _mark(row.release),
        "size_bytes": row.size_bytes,
        "way_back": {
            "possible": bool(row.way_back),
            "how": row.way_back,
            "expected_s": row.expected_s,
            "by": row.by,
        },
    }


def way_words(row: ReleaseAtHand) -> str:
    """ "warm, about 1 s", "cold, about 15 s", "with the data of NAME", "none: deploy it again" """
    match row.way_back:
        case "live":
            return "it is live"
        case "":
            return "none: deploy it again"
        case "backup":
            return f"with the data of {row.by}"
        case "command":
            return "by your rollback command"
        case how:
            return f"{how}, about {duration(row.expected_s)}"


def _cells(row: ReleaseAtHand, now: float, tz: tzinfo | None) -> tuple[str, ...]:
    release = row.release
    taken = size(row.size_bytes) if row.size_bytes else "-"
    return (
        printable(release.id),
        printable(release.tag),
        str(release.state),
        _since(release, now, tz),
        taken,
        _mark(release) or "-",
        way_words(row),
    )


def _stacked(cells: tuple[str, ...], width: int) -> list[str]:
    name, _, *rest = cells
    return [name, *wrapped(", ".join(cell for cell in rest if cell != "-"), width, "  ")]


def _since(release: Release, now: float, tz: tzinfo | None) -> str:
    """Since when it is, or when it last became, live; else when it was staged."""
    if release.live_since:
        return f"live {clock(release.live_since, now, tz)}"
    return f"staged {clock(release.staged_at, now, tz)}" if release.staged_at else "-"


def _mark(release: Release) -> str:
    if release.state is ReleaseState.FAILED:
        return "failed"
    return "accepted" if release.accepted else ""
