"""What an action is, and the few things that actions share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from mobius.errors import MobiusError
from mobius.flows.record import Record
from mobius.model.plan import Step
from mobius.model.release import BackupRecord, Release


class Answer(StrEnum):
    """Was it done? UNKNOWN is never taken for either."""

    DONE = "done"
    NOT_DONE = "not done"
    UNKNOWN = "unknown"


class NeedsPerson(MobiusError):
    """A step was begun and nobody can tell whether it happened: a person must look."""

    exit_code = 4


Observed = tuple[Answer, str]


def no_way_to_see(step: Step, record: Record) -> Observed:
    return Answer.UNKNOWN, f"{step.action} leaves nothing to look at"


def in_doubt(step: Step, record: Record, why: str) -> NeedsPerson:
    """The error that stops for a person, with the two safe choices."""
    return NeedsPerson(
        f'"{step.title}" was begun and it is unknown whether it happened: {why}',
        f"look, then say so: mobius resume -e {record.run.environment} --done, or --again if it did not; "
        f"or take everything back: mobius abort -e {record.run.environment}",
    )


@dataclass(frozen=True, slots=True)
class Action:
    """The effect (which returns what to remember) and the look."""

    do: Callable[[Step, Record], Mapping[str, Any]]
    observe: Callable[[Step, Record], Observed] = no_way_to_see


def known_releases(record: Record) -> tuple[Release, ...]:
    """From the journal, or from the manifests on disk where it cannot be read."""
    known = record.read(lambda: record.ports.journal.releases(record.run.environment))
    return tuple(known) or record.ports.releases.manifests()


def remember_release(record: Record, release: Release) -> None:
    """The journal knows the release; one it knew already keeps the life it has had (live, accepted …)."""
    environment, journal = record.run.environment, record.ports.journal
    before = next((r for r in record.read(lambda: journal.releases(environment)) if r.id == release.id), None)
    if before is not None:
        release = replace(before, staged_at=release.staged_at)
    record.write(lambda _: journal.put_release(environment, release))


def own_backup(record: Record) -> BackupRecord:
    known = record.read(lambda: record.ports.journal.backups(record.run.environment))
    for backup in known or record.ports.backups.found():
        if backup.run_id == record.run.id and backup.kind == "release":
            return backup
    raise MobiusError(
        f"run {record.run.id} has no backup of its own", "name one: mobius rollback --backup FILE"
    )


def migrations_folder(step: Step, record: Record) -> Path:
    assert record.ports.settings.migrations is not None
    return record.ports.releases.path(step.params["release_id"]) / record.ports.settings.migrations.path


def said(record: Record) -> Callable[[str], None]:
    return lambda line: record.log(f"       {line}")


def tail(text: str) -> tuple[str, ...]:
    return tuple(text.splitlines()[-20:])
