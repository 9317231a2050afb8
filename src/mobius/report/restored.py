"""What a restore says while it runs, and at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mobius.report.words import duration, size


def restoring(done_bytes: int, total_bytes: int, bytes_per_s: float, left_s: float | None) -> str:
    """How far it is, as a line."""
    line = f"restored {size(done_bytes)} of {size(total_bytes)}, {size(round(bytes_per_s))}/s"
    return line if left_s is None else f"{line}, about {duration(left_s)} left"


def text(
    places: Sequence[Path], files: int, size_bytes: int, kept: Sequence[Path], *, dry_run: bool
) -> Iterator[str]:
    """The lines of the result; in a dry run, of what the result would be."""
    verb = "would restore" if dry_run else "restored"
    count = f"{files:,} file{'' if files == 1 else 's'}"
    yield f"{verb} {count}, {size(size_bytes)}: {', '.join(str(place) for place in places)}"
    for place in kept:
        yield f"what was there is kept as {place}"
