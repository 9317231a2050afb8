"""Proves outside of any run that a backup can be restored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mobius.errors import UsageError
from mobius.flows.plan import find_backup
from mobius.model.release import BackupRecord
from mobius.ports import Note, Ports


def rehearse(ports: Ports, named: str, *, progress: Callable[[str], None]) -> BackupRecord:
    """Restores it in a scratch place, checks every hash and database, and writes down that it was done and how long
    it took. Raises `UsageError` where there is none, `BackupInvalid` when it does not hold."""
    chosen = find_backup(named, ports) if named else next(iter(ports.backups.found()), None)
    if chosen is None:
        name = ports.settings.name
        raise UsageError(f"there is no backup of {name} to rehearse", f"mobius backup create -e {name}")
    ports.backups.verify(Path(chosen.path))
    known = {backup.name: backup for backup in ports.journal.backups(ports.settings.name)}
    result = ports.backups.rehearse(chosen, migrate_from=None, progress=progress)
    now, restore_s = ports.clock.now(), float(result["restore_s"])
    proven = replace(known.get(chosen.name, chosen), verified_at=now, rehearsed_at=now, restore_s=restore_s)
    ports.journal.put_backup(ports.settings.name, proven)
    told = f"{chosen.name} restored in {restore_s:.1f} s and checked"
    note = Note("rehearsed", told, {**result, "proven": True})
    ports.journal.say(None, ports.settings.name, note, now=now, who=str(ports.holder()))
    return proven
