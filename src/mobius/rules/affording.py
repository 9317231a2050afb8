"""What a backup and its rehearsal cost in disk and time, and whether that fits."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.model.cost import Duration, Need, Shortage
from mobius.model.release import BackupRecord

MEASURED = 5  # the newest so many backups say how fast this machine is


def shortage(needs: Sequence[Need]) -> Shortage | None:
    """The disk that lacks most when everything is there at the same time; None where all of it fits. What shares a
    disk shares its room."""
    worst: Shortage | None = None
    for device in dict.fromkeys(need.device for need in needs):
        here = tuple(need for need in needs if need.device == device)
        total = sum(need.needed_bytes for need in here)
        found = Shortage(here, total, min(need.free_bytes for need in here))
        if found.lacking_bytes > (worst.lacking_bytes if worst else 0):
            worst = found
    return worst


def trial_copies(*, fast: bool) -> int:
    """How many copies of a database are there at the same time while its migrations are tried: the migrated one, the
    one that goes down again or that a release is started on, and the one behind an open query."""
    return 2 if fast else 3


def expected(size_bytes: int, past: Sequence[BackupRecord]) -> Duration:
    """By the middle speed of the newest backups that were measured. `past`: newest first."""
    speeds = sorted([speed for record in past if (speed := _speed(record)) > 0][:MEASURED])
    restore_s = next((record.restore_s for record in past if record.restore_s > 0), 0.0)
    takes_s = size_bytes / speeds[len(speeds) // 2] if speeds else None
    return Duration(takes_s, len(speeds), restore_s)


def _speed(record: BackupRecord) -> float:
    """Bytes a second, 0 where it was not measured."""
    says = record.metadata or {}
    took_s, read_bytes = says.get("took_s"), says.get("read_bytes")
    if not isinstance(took_s, int | float) or not isinstance(read_bytes, int | float) or took_s <= 0:
        return 0.0
    return float(read_bytes) / took_s
