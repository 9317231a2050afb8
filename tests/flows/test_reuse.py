"""A backup of a moment ago serves the next deployment again: verified anew, told with its age, and never in doubt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mobius.flows.back_up import back_up
from mobius.model.release import BackupRecord
from mobius.model.run import Run, RunState
from mobius.ports import nothing
from world import SETTINGS, Killed, World

WITHIN_S = 3600.0


def world_with_a_backup(*, age_s: float = 600.0, within_s: float = WITHIN_S) -> tuple[World, BackupRecord]:
    """v1 is live, and was backed up by hand so long ago; v2 has no migrations."""
    world = World(settings=replace(SETTINGS, backup=replace(SETTINGS.backup, reuse_within_s=within_s)))
    world.migrations.offered = {}
    assert world.deploy("v1").state is RunState.ACCEPTED
    made = back_up(world.ports, progress=nothing)
    world.clock.wait(age_s)
    return world, made


def made_by(world: World, run: Run) -> list[str]:
    return [a.record.name for a in world.backups.archives if a.record.run_id == run.id]


def test_it_serves_again_and_the_plan_and_the_event_say_how_old_it_is() -> None:
    world, made = world_with_a_backup()
    plan = world.plan("v2")
    (check,) = [check for check in plan.checks if check.name == "backup at hand"]
    assert check.answer == f"{made.name} is 10 min old and serves again: a restore loses what came since"
    (step,) = [step for step in plan.rollout if step.action == "backup"]
    assert step.title == "back up the live release and its data, or use one of the last 60 min again"
    run = world.carry_on(world.begin(plan))
    assert run.state is RunState.ACCEPTED
    assert made_by(world, run) == []
    (event,) = world.events(run, "backup")
    assert event.message == f"{made.name} serves again, 10 min old, verified anew"
    assert (event.data["reused"], event.data["age_s"]) == (True, 600.0)
    assert world.backups.rehearsed[-1] == made.name, "it is rehearsed as the run's own would be"
    known = {backup.name: backup for backup in world.journal.backups("production")}
    assert known[made.name].verified_at > made.verified_at


def test_the_hash_of_the_plan_does_not_depend_on_which_one_serves() -> None:
    world, _ = world_with_a_backup()
    before = world.plan("v2").hash
    back_up(world.ports, progress=nothing)
    world.clock.wait(2 * WITHIN_S)
    assert world.plan("v2").hash == before


@pytest.mark.parametrize(
    "why", ["too old", "not wanted", "pending", "other paths", "of another release", "damaged"]
)
def test_a_new_one_is_made_where_it_may_not_serve(why: str) -> None:
    world, made = world_with_a_backup(
        age_s=WITHIN_S + 1 if why == "too old" else 600.0, within_s=0.0 if why == "not wanted" else WITHIN_S
    )
    if why == "pending":
        world.migrations.offered = World().migrations.offered
    if why == "other paths":
        world.settings = replace(
            world.settings, backup=replace(world.settings.backup, paths=("data", "more"))
        )
    if why == "of another release":
        world.backups.archives = [
            replace(a, record=replace(a.record, release_id="v0-other")) for a in world.backups.archives
        ]
    if why == "damaged":
        world.backups.damaged.add(made.name)
    run = world.deploy("v2")
    assert run.state is RunState.ACCEPTED
    assert len(made_by(world, run)) == 1


def test_an_emergency_backup_never_serves() -> None:
    world, made = world_with_a_backup()
    world.backups.archives = [
        replace(a, record=replace(a.record, kind="emergency")) if a.record.name == made.name else a
        for a in world.backups.archives
    ]
    assert len(made_by(world, world.deploy("v2"))) == 1


@pytest.mark.parametrize("effects", range(1, 24))
def test_killed_at_any_effect_the_run_goes_on_with_the_same_one(effects: int) -> None:
    world, made = world_with_a_backup()
    run = world.begin(world.plan("v2"))
    world.die_after(effects)
    with pytest.raises(Killed):
        world.carry_on(run)
    world.die_after(None)
    assert world.carry_on(run).state is RunState.ACCEPTED
    assert made_by(world, run) == []
    assert made.name in world.backups.rehearsed


def test_retention_leaves_it_alone_while_the_run_is_open() -> None:
    from mobius.flows.keep import judged

    world, made = world_with_a_backup()
    run = world.begin(world.plan("v2"))
    world.die_after(22)
    with pytest.raises(Killed):
        world.carry_on(run)
    (fate,) = [fate for fate in judged(world.ports) if fate.backup.name == made.name]
    assert f"run {run.id} depends on it" in fate.reasons
