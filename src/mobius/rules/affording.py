"""What a backup and its rehearsal cost in disk and time, and whether that fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mobius.model.cost import Duration, Need, Shortage
from mobius.model.release import BackupRecord

MEASURED = 5  # the newest so many backups say how fast this machine is
LARGE_BYTES = 32 * 1024 * 1024  # from here on, bytes decide how long a backup takes


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
    """By the newest backups that were measured; `past`: newest first. Large ones say how fast this machine is. What a
    small one takes is the beginning and the end of any backup (a dump's program, fsync, a signature): it says nothing
    of the speed, so that one that is much larger than all of them cannot be foretold."""
    restore_s = next((record.restore_s for record in past if record.restore_s > 0), 0.0)
    measured = [found for record in past if (found := _measured(record)) is not None][:MEASURED]
    large = [(counted, took_s) for counted, took_s in measured if counted >= LARGE_BYTES]
    if large and size_bytes >= LARGE_BYTES:
        return Duration(
            size_bytes / _middle([counted / took_s for counted, took_s in large]), len(large), restore_s
        )
    largest = max((counted for counted, _ in measured), default=0.0)
    near = [
        took_s * min(1.0, size_bytes / counted) if counted >= LARGE_BYTES else took_s
        for counted, took_s in measured
    ]
    foretold = _middle(near) if near and size_bytes <= max(LARGE_BYTES, 2 * largest) else None
    return Duration(foretold, len(measured), restore_s)


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _measured(record: BackupRecord) -> tuple[float, float] | None:
    """Bytes, counted as they are before a backup, and the seconds that it took; None where it was not measured."""
    says = record.metadata or {}
    took_s, read_bytes = says.get("took_s"), says.get("read_bytes")
    if not isinstance(took_s, int | float) or not isinstance(read_bytes, int | float) or took_s <= 0:
        return None
    return read_bytes + _on_servers_beyond_dumps(says.get("postgresql")), float(took_s)


def _on_servers_beyond_dumps(databases: object) -> float:
    """How much larger databases are on their servers than their dumps, which is all that is read of them."""
    kept = databases.values() if isinstance(databases, Mapping) else ()
    more = 0.0
    for facts in kept:
        if isinstance(facts, Mapping) and facts.get("engine") == "dump":
            on_server, dumped = facts.get("size_bytes"), facts.get("dump_bytes")
            if isinstance(on_server, int | float) and isinstance(dumped, int | float):
                more += on_server - dumped
    return more
