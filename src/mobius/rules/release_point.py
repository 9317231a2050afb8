"""One release point across files and databases: when each was captured, and the longest distance between two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

FILES = "files"


@dataclass(frozen=True, slots=True)
class Point:
    """One thing as it was at `at_unix`. Files are read one after the other: theirs is a span that begins then and
    lasts `took_s`. What is captured at one instant shows that instant, however long copying it took."""

    name: str
    kind: str  # "files", "sqlite", "postgresql", "pgbackrest"
    at_unix: float
    took_s: float

    @property
    def until_unix(self) -> float:
        """The last instant that it shows."""
        return self.at_unix + self.took_s if self.kind == FILES else self.at_unix


def release_point(begun_unix: float, ended_unix: float, points: Sequence[Point]) -> dict[str, object]:
    """As the metadata of a backup says it. `gap_s`: no two things in it are further apart in time."""
    first = min((point.at_unix for point in points), default=begun_unix)
    last = max((point.until_unix for point in points), default=begun_unix)
    return {
        "begun_unix": round(begun_unix, 3),
        "ended_unix": round(ended_unix, 3),
        "points": [asdict(point) for point in sorted(points, key=lambda point: point.at_unix)],
        "gap_s": round(last - first, 3),
    }


def sqlite_points(databases: Mapping[str, object]) -> tuple[Point, ...]:
    """Of the SQLite files that an archive says it captured."""
    found = []
    for member, facts in databases.items():
        if isinstance(facts, Mapping):
            at, took = facts.get("captured_at_unix"), facts.get("captured_in_s")
            if isinstance(at, (int, float)) and isinstance(took, (int, float)):
                found.append(Point(member, "sqlite", float(at), float(took)))
    return tuple(found)
