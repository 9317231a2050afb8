"""A backup that is there already serves a run again, once it was verified anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mobius.errors import BackupInvalid
from mobius.flows.keep import known_backups
from mobius.flows.record import Record
from mobius.model.plan import Step
from mobius.report.words import duration
from mobius.rules.reusing import reusable


def taken_up_again(step: Step, record: Record) -> Mapping[str, Any] | None:
    """What to remember of the backup that serves again; None where one has to be made. Only the hash of the archive
    is checked: every member was when it was made."""
    within_s = step.params.get("reuse_within_s")
    if not within_s:
        return None
    ports, now = record.ports, record.ports.clock.now()
    found = reusable(known_backups(ports), ports.settings, step.params["guards"], within_s=within_s, now=now)
    if found is None:
        return None
    try:
        ports.backups.verify(Path(found.path), deep=False)
    except BackupInvalid as problem:
        record.log(f"       {found.name} cannot serve again: {problem.message}")
        return None
    record.write(lambda at: ports.journal.put_backup(record.run.environment, replace(found, verified_at=at)))
    age_s = now - found.created_at
    summary = {"name": found.name, "path": found.path, "sha256": found.sha256, "size_bytes": found.size_bytes}
    told = {**summary, "reused": True, "age_s": round(age_s, 1)}
    record.say("backup", f"{found.name} serves again, {duration(age_s)} old, verified anew", told)
    return told
