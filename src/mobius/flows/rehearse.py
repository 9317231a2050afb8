"""Proves that a backup can be gone back to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mobius.errors import GateFailed, UsageError
from mobius.flows.plan import find_backup
from mobius.model.release import BackupRecord, Release
from mobius.ports import Note, Ports
from mobius.report.rehearsing import failed_boot, rehearsal_words

LOG_LINES = 20
MEANT = "where that is meant, say it: a statement of its own for that table; a rebuild needs foreign keys off"


def rehearse(
    ports: Ports, named: str, *, boot: bool | None = None, progress: Callable[[str], None]
) -> tuple[BackupRecord, Mapping[str, Any]]:
    """Restores it in a scratch place, checks every hash and database, starts its release there (`boot`; None: as
    `rehearsal.boot` says), and writes down what was proven and how long it took.

    Raises `UsageError` where there is none, `BackupInvalid` when it does not hold, `GateFailed` with the end of its
    log when its release does not run on it; all but the first are written down, too.
    """
    environment = ports.settings.name
    chosen = choose(ports, named)
    ports.backups.verify(Path(chosen.path))
    known = {backup.name: backup for backup in ports.journal.backups(environment)}
    proven, facts = prove(
        replace(known.get(chosen.name, chosen), verified_at=ports.clock.now()),
        ports,
        boot=boot,
        progress=progress,
    )
    ports.journal.put_backup(environment, proven)
    note = Note("rehearsed", f"{proven.name} {rehearsal_words(facts)}", facts)
    ports.journal.say(None, environment, note, now=ports.clock.now(), who=str(ports.holder()))
    refuse_what_does_not_run(proven, facts)
    return proven, facts


def choose(ports: Ports, named: str) -> BackupRecord:
    """The backup of this name or path; when none is named the newest, before those of a state not known to be good,
    which nobody goes back to unasked. Raises `UsageError` where there is none."""
    there = () if named else ports.backups.found()
    good = [backup for backup in there if backup.kind != "emergency"]
    chosen = find_backup(named, ports) if named else next(iter([*good, *there]), None)
    if chosen is None:
        name = ports.settings.name
        raise UsageError(f"there is no backup of {name} to rehearse", f"mobius backup create -e {name}")
    return chosen


def prove(
    backup: BackupRecord,
    ports: Ports,
    *,
    boot: bool | None,
    migrate_from: Path | None = None,
    candidate: Release | None = None,
    fast: bool = False,
    progress: Callable[[str], None],
) -> tuple[BackupRecord, dict[str, Any]]:
    """The backup as it is known from now on, and everything that was found. What failed is proven no longer."""
    booted = ports.settings.rehearsal.boots(pending=migrate_from is not None) if boot is None else boot
    found = dict(
        ports.backups.rehearse(
            backup, boot=boot, migrate_from=migrate_from, candidate=candidate, fast=fast, progress=progress
        )
    )
    failed = bool(found.get("failed"))
    proven = replace(
        backup,
        rehearsed_at=0.0 if failed else ports.clock.now(),
        restore_s=float(found["restore_s"]),
        booted=bool(found.get("booted")),
        not_proven=str(found.get("failed") or found.get("not_proven") or ""),
        rto_s=float(found.get("rto_s") or 0.0),
        rpo_s=float(found.get("rpo_s") or 0.0),
    )
    of = {"candidate": candidate.id} if candidate is not None else {}
    return proven, {**found, **of, "asked_to_boot": booted, "proven": not failed}


def refuse_what_does_not_run(backup: BackupRecord, facts: Mapping[str, Any]) -> None:
    """Raises `GateFailed` for migrations that must not run, with what to do about it, and for a release that does not
    run on its own backup, with the end of its log."""
    if stops := facts.get("stops"):
        advice = list(facts.get("advice") or ()) or [MEANT]
        raise GateFailed(
            f"the migrations must not run: {stops[0]} (on the restored copy); {advice[0]}",
            advice[0],
            details=(*stops[1:], *dict.fromkeys(advice[1:])),
        )
    if facts.get("failed"):
        message, hint = failed_boot(backup, facts)
        raise GateFailed(message, hint, details=tuple(facts.get("log") or ())[-LOG_LINES:])
