"""Which way back a run would take now: what its rehearsal proved, and what is on the live database."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mobius.errors import Locked, MobiusError
from mobius.flows.record import Record, migrations_folder
from mobius.flows.standing import Standing
from mobius.model.plan import Repeat, Step, WayBack
from mobius.model.proven import NOTHING_PROVEN, Proven
from mobius.model.release import tree_of
from mobius.model.run import Run
from mobius.ports import Migrations, Ports
from mobius.rules.choosing import INSIDE, begun_way, choose, phase_of, proven_by


def way_now(record: Record) -> WayBack | None:
    """The way back that was begun, else the one that may be taken without asking; None where nothing was touched, or
    where only a person may choose."""
    plan, steps = record.run.plan, record.steps()
    if (begun := begun_way(plan, steps.keys())) is not None:
        return begun
    moved, half = schema_now(record)
    return choose(plan, steps.keys(), proven_now(record), moved=moved, half=bool(half))


def proven_now(record: Record) -> Proven:
    """What the rehearsal of this run said of its ways back."""
    return proven_by(record.run.plan, record.steps())


class Schema(NamedTuple):
    """Whether a migration of this run is on the live database, and what of one is there in part, or may be."""

    moved: bool
    half: str = ""


def schema_now(record: Record) -> Schema:
    """What this run's migrations have left on the live database. What cannot be seen counts as there."""
    step = migrate_step(record)
    if step is None:
        return Schema(bool(record.run.plan.facts.get("proven")))
    known = record.steps().get(step.id)
    if known is None or known.is_done or record.ports.migrations is None:
        return Schema(known is not None)
    try:
        folder = migrations_folder(step, record)
        record.ports.migrations.wait(record.tell)  # what outlived its deployer may be there a moment later
        applied = {migration.name for migration in record.ports.migrations.applied(folder)}
    except Locked:
        raise
    except MobiusError as problem:
        record.log(f"what is applied cannot be seen: {problem.message}")
        return Schema(True)
    moved = step.repeat is Repeat.ASK or not applied.isdisjoint(step.params["names"])
    return Schema(moved, _left_half(folder, record.ports.migrations))


def _left_half(folder: Path, migrations: Migrations) -> str:
    try:
        return migrations.left_half(folder)
    except Locked:
        raise
    except MobiusError as problem:
        return f"whether a migration is there in part cannot be seen: {problem.message}"


def migrate_step(record: Record) -> Step | None:
    """The step that moves the schema, where the run has one."""
    return next((step for step in record.run.plan.rollout if step.action == "migrate"), None)


def run_that_made_live(now: Standing, ports: Ports) -> Run | None:
    """The deployment that made the live release live and migrated for it, also where it was restarted since; None where
    none did, or nobody knows."""
    live = now.live
    if live is None:
        return None
    try:
        runs = ports.journal.runs(ports.settings.name, 50)
    except MobiusError:
        return None
    made = (run for run in runs if run.kind == "deploy" and run.plan.release_id == tree_of(live.id))
    return next((run for run in made if run.plan.facts.get("pending_migrations")), None)


def proven_of(run: Run, ports: Ports) -> Proven:
    """What the rehearsal of that run said of its ways back."""
    try:
        return proven_by(run.plan, {step.step_id: step for step in ports.journal.steps(run.id)})
    except MobiusError:
        return NOTHING_PROVEN


def may_be_held(ports: Ports) -> bool:
    """Whether a run stands still while requests wait for it: whoever takes over lets them go."""
    try:
        run = ports.journal.active_run(ports.settings.name)
        begun = [step.step_id for step in ports.journal.steps(run.id)] if run else []
    except MobiusError:
        return False
    return run is not None and phase_of(run.plan, begun) == INSIDE
