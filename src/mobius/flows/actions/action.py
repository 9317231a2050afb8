"""What an action is, and the few things that actions share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from mobius.errors import Locked, MobiusError
from mobius.flows.record import Record
from mobius.model.advance import Advance
from mobius.model.plan import Step
from mobius.model.release import BackupRecord, Release
from mobius.rules.reusing import reusable

EVENT_EVERY_S = 10.0  # how often something long says how far it has come


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
    """What the run made, or took up again, to be taken back to."""
    known = record.read(lambda: record.ports.journal.backups(record.run.environment))
    backups = known or record.ports.backups.found()
    for backup in backups:
        if backup.run_id == record.run.id and backup.kind == "release":
            return backup
    if (again := _taken_up_again(record, backups)) is not None:
        return again
    raise MobiusError(
        f"run {record.run.id} has no backup of its own", "name one: mobius rollback --backup FILE"
    )


def own_backup_name(record: Record) -> str:
    """Its name, "" where the run has none."""
    try:
        return own_backup(record).name
    except Locked:
        raise
    except MobiusError:
        return ""


def _taken_up_again(record: Record, backups: Sequence[BackupRecord]) -> BackupRecord | None:
    """As the step wrote down; where the journal is lost, the choice is made again as it was when the run began."""
    step = next((step for step in record.run.plan.rollout if step.action == "backup"), None)
    if step is None or not (within_s := step.params.get("reuse_within_s")):
        return None
    done = record.steps().get(step.id)
    if done is not None and (name := done.result.get("name")):
        return next((backup for backup in backups if backup.name == name), None)
    began, settings = record.run.started_at, record.ports.settings
    return reusable(backups, settings, step.params["guards"], within_s=within_s, now=began)


def advancing(record: Record) -> Callable[[str], None]:
    """Lines to the log; what only advances is an event now and then."""
    told_at = record.ports.clock.monotonic()

    def tell(line: str) -> None:
        nonlocal told_at
        if not isinstance(line, Advance):
            record.tell(line)
            return
        now = record.ports.clock.monotonic()
        if now - told_at >= EVENT_EVERY_S:
            told_at = now
            record.say("progress", line, line.figures())

    return tell


def tail(text: str) -> tuple[str, ...]:
    return tuple(text.splitlines()[-20:])
