"""What is done before anything that serves is touched: gates, staging, backup, rehearsal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mobius.errors import GateFailed, GateUnknown, MobiusError
from mobius.flows.actions.action import (
    Answer,
    Observed,
    advancing,
    known_releases,
    own_backup,
    remember_release,
    tail,
)
from mobius.flows.actions.reusing import taken_up_again
from mobius.flows.migrating_programs import refuse_without_programs
from mobius.flows.record import Record
from mobius.model.plan import Step
from mobius.model.release import BackupRecord, Release, ReleaseState
from mobius.model.settings import ProcessSettings
from mobius.model.verdict import Outcome


def gate(step: Step, record: Record) -> Mapping[str, Any]:
    name = step.params["name"]
    result = record.ports.checks.gate(name)
    answer = {"name": name, "outcome": str(result.outcome), "message": result.message}
    record.say("gate", f"{name}: {result.outcome} {result.message}", answer)
    if result.outcome is Outcome.FAIL:
        raise GateFailed(
            f"the gate {name} said no: {result.message}", result.advice, details=tail(result.output)
        )
    if result.outcome is not Outcome.PASS:
        raise GateUnknown(
            f"the gate {name} could not be asked: {result.message}",
            result.advice,
            details=tail(result.output),
        )
    return answer


def stage(step: Step, record: Record) -> Mapping[str, Any]:
    wanted = replace(_wanted(step), staged_at=record.ports.clock.now())
    staged = record.ports.releases.stage(wanted, progress=record.tell)
    remember_release(record, staged)
    tree, settings = record.ports.releases.path(staged.id), record.ports.settings.migrations
    if settings is not None and record.run.plan.facts.get("pending_migrations"):
        refuse_without_programs(tree / settings.path, staged.tag, record.ports)
    return {"path": str(tree)}


def configure(step: Step, record: Record) -> Mapping[str, Any]:
    """The processes come from the settings the run began with; where one is named, the others from the live release."""
    ports, only = record.ports, step.params["only"]
    processes: Sequence[ProcessSettings] = ports.settings.processes
    if only:
        present = {process.name: process for process in processes}
        kept = ports.releases.processes(step.params["from"])
        processes = [present[p.name] if p.name == only else p for p in kept]
    wanted = replace(_wanted(step), staged_at=ports.clock.now())
    made = ports.releases.configure(wanted, processes)
    remember_release(record, made)
    return {"path": str(ports.releases.path(made.id))}


def staged(step: Step, record: Record) -> Observed:
    wanted = _wanted(step)
    if not record.ports.releases.is_staged(wanted.id):
        return Answer.NOT_DONE, "no complete release is there"
    manifests = record.ports.releases.manifests()
    remember_release(record, next((one for one in manifests if one.id == wanted.id), wanted))
    return Answer.DONE, "its manifest is there"


def _wanted(step: Step) -> Release:
    """The release of a step, which knew only plain words when it was read from the journal."""
    return Release(**{**step.params["release"], "state": ReleaseState.STAGED})


def backup(step: Step, record: Record) -> Mapping[str, Any]:
    return taken_up_again(step, record) or _keep(record, "release", step.params["guards"])


def emergency_backup(step: Step, record: Record) -> Mapping[str, Any]:
    try:
        return _keep(record, "emergency", step.params["release_id"])
    except MobiusError as problem:
        if not step.params.get("advisory"):
            raise
        told = {"sentence": problem.message}
        record.say("page", f"no emergency backup: {problem.message}", told, topic="alert")
        return {"failed": problem.message}


def _keep(record: Record, kind: str, release_id: str) -> Mapping[str, Any]:
    ports = record.ports
    release = next((r for r in known_releases(record) if r.id == release_id), None)
    run = record.run
    made = ports.backups.create(
        kind=kind, release=release, run_id=run.id, since=run.started_at, progress=advancing(record)
    )
    _remember_backup(record, made)
    summary = {"name": made.name, "path": made.path, "sha256": made.sha256, "size_bytes": made.size_bytes}
    record.say("backup", f"{made.name} published and verified", summary)
    return summary


def _remember_backup(record: Record, backup: BackupRecord) -> None:
    record.write(lambda _: record.ports.journal.put_backup(record.run.environment, backup))


def backup_is_there(step: Step, record: Record) -> Observed:
    kind = "emergency" if step.action == "emergency_backup" else "release"
    for found in record.ports.backups.found():
        is_ours = found.run_id == record.run.id and found.created_at >= record.run.started_at
        if is_ours and found.kind == kind:
            _remember_backup(record, found)
            return Answer.DONE, f"{found.name} is published"
    return Answer.NOT_DONE, "none is published"


def verify(step: Step, record: Record) -> Mapping[str, Any]:
    if named := step.params.get("backup"):
        record.ports.backups.verify(Path(named))
        return {"backup": named}
    own = own_backup(record)
    # Of one that serves again every member was checked when it was made: the archive's own hash says the rest.
    record.ports.backups.verify(Path(own.path), deep=own.run_id == record.run.id)
    _remember_backup(record, replace(own, verified_at=record.ports.clock.now()))
    return {"backup": own.path}
