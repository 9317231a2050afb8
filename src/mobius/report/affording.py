"""The words of what a backup costs: room on the disk, and time."""

from __future__ import annotations

from mobius.model.cost import Duration, Shortage
from mobius.report.words import duration, size


def too_little(short: Shortage) -> tuple[str, str]:
    """What does not fit, and the cure."""
    parts = " and ".join(f"{size(need.needed_bytes)} for {need.purpose}" for need in short.needs)
    folder = short.needs[0].folder
    told = f"needs up to {size(short.needed_bytes)} below {folder} ({parts}), {size(short.free_bytes)} free"
    return told, f"free {size(short.lacking_bytes)} below {folder}, or set backup.folder to another disk"


def takes(expected: Duration) -> str:
    """About how long, or that nobody knows yet."""
    if expected.backup_s is None:
        why = "only much smaller ones were" if expected.measured else "none was"
        return f"how long it takes is not known: {why} measured here yet"
    last = "the last one" if expected.measured == 1 else f"the last {expected.measured}"
    words = f"about {duration(max(1, round(expected.backup_s)))}, as {last} went"
    if expected.restore_s:
        words += f"; the last rehearsal restored in {duration(expected.restore_s)}"
    return words
