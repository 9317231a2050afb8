"""What the runs of an environment did to its schema, and whether a release fits it now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from mobius.errors import MobiusError
from mobius.model.plan import FORWARD, Repeat, Step, Way
from mobius.model.proven import Fit
from mobius.model.release import Release
from mobius.model.run import Run, RunState, StepRecord
from mobius.ports import Ports
from mobius.rules.choosing import proven_by
from mobius.rules.schema_moves import Migrated, Moment, Restored, TookDown, WasLive, fit_for

LOOKED_AT = 500  # runs, back from the newest


def fit_of(release_id: str, ports: Ports) -> Fit:
    """By the journal; where it cannot be read nothing is known against the release."""
    try:
        return fit_for(release_id, _moments(ports))
    except MobiusError:
        return Fit()


def _moments(ports: Ports) -> Iterator[Moment]:
    """Newest first."""
    runs = ports.journal.runs(ports.settings.name, LOOKED_AT)
    for run in runs:
        records = ports.journal.steps(run.id)
        yield from reversed(list(_of_run(run, records, runs, ports)))
        if run.kind in (*FORWARD, "rollback") and run.plan.previous_id:
            yield WasLive(run.id, run.plan.previous_id, surely=False)


def _of_run(
    run: Run, records: tuple[StepRecord, ...], runs: tuple[Run, ...], ports: Ports
) -> Iterator[Moment]:
    by_id = {record.step_id: record for record in records}
    accepted = run.kind != "rollback" or run.state is RunState.ACCEPTED
    for record in records:
        step = run.plan.step(record.step_id)
        if step is None:
            continue
        if step.action == "migrate" and _is_there(run, step, record, ports):
            yield _migrated(run, step, by_id, record)
        elif not record.is_done:
            continue
        elif step.action == "down":
            yield TookDown(run.id, tuple(step.params["names"]))
        elif step.action == "restore_data":
            yield _restored(run, step, runs, ports)
        elif step.action == "mark_live" and step.params["release_id"]:
            yield WasLive(run.id, step.params["release_id"], surely=accepted and step in run.plan.rollout)


def _migrated(run: Run, step: Step, by_id: dict[str, StepRecord], record: StepRecord) -> Migrated:
    names, proven = tuple(step.params["names"]), proven_by(run.plan, by_id)
    code = proven.of(Way.CODE_ALONE)
    works = code is not None and code.is_open
    if code is None or not (works or proven.old_fails):
        return Migrated(run.id, names)
    at = proven.at or record.done_at
    return Migrated(run.id, names, run.plan.previous_id, works, code.why, at)


def _is_there(run: Run, step: Step, record: StepRecord, ports: Ports) -> bool:
    """Whether any of its migrations was applied. What was interrupted or failed is looked for in the database; what
    cannot be seen counts as there."""
    if (
        record.is_done
        or step.repeat is Repeat.ASK
        or ports.migrations is None
        or ports.settings.migrations is None
    ):
        return True
    try:
        folder = ports.releases.path(step.params["release_id"]) / ports.settings.migrations.path
        applied = {migration.name for migration in ports.migrations.applied(folder)}
    except MobiusError:
        return True
    return not applied.isdisjoint(step.params["names"])


def _restored(run: Run, step: Step, runs: tuple[Run, ...], ports: Ports) -> Restored:
    """A backup that a run made is of before its migrations; one made by hand, of before the runs that came after."""
    path = str(step.params["backup"])
    if not path:
        return Restored(run.id, "its backup", run.id)
    name = PurePath(path).name
    known = [*ports.journal.backups(ports.settings.name), *ports.backups.found()]
    backup = next((backup for backup in known if backup.name == name), None)
    if backup is None:
        return Restored(run.id, name, None)
    later = [one.id for one in runs if one.started_at > backup.created_at]
    return Restored(run.id, name, backup.run_id or min(later, default=run.id))


def made_for(release_id: str, made: Run | None, fit: Fit) -> Run | None:
    """That deployment, where its migrations alone lie between this release and the live one: then the ways back that it
    proved hold."""
    if made is None or made.plan.previous_id != release_id:
        return None
    pending = set(made.plan.facts.get("pending_migrations") or ())
    return made if set(fit.moved) == pending or (fit.is_open and fit.run_id == made.id) else None


def rollback_with_its_backup(made: Run, ports: Ports) -> str:
    """The command that goes back over this deployment with the data of the backup that it made."""
    held = (b.name for b in ports.backups.found() if b.run_id == made.id and b.kind == "release")
    return f"mobius rollback -e {ports.settings.name} --backup {next(held, 'FILE')}"


def rollback_with_data(target: Release, ports: Ports) -> str:
    """The command that brings this release back with the data of its newest backup, a rehearsed one first."""
    held = [b for b in ports.backups.found() if b.kind == "release" and b.release_id == target.id]
    best = next((b for b in held if b.rehearsed_at), next(iter(held), None))
    return f"mobius rollback -e {ports.settings.name} --backup {best.name if best else 'FILE'}"
