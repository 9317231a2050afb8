"""A way back that went past the journal: kept on the machine, and written into the journal when that is back."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobius.adapters.emergencies.spool import FileSpool
from mobius.errors import Fenced, MobiusError
from mobius.flows.begin import begin
from mobius.flows.by_hand import resume
from mobius.flows.plan_return import plan_rollback
from mobius.flows.reconcile import reconcile
from mobius.flows.record import Record
from mobius.flows.unwritten import unfinished
from mobius.model.emergency import Epoch
from mobius.model.run import Run, RunState
from mobius.report.next_step import next_step
from world import Killed, World

SECRET = "canary-9f1c"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """v1 is warm, v2 has the traffic and is watched."""
    made = World(spool=FileSpool(tmp_path / "emergencies", lambda words: words.replace(SECRET, "•••")))
    made.deploy("v1")
    made.begin(made.plan("v2"))
    made.die_after(None)
    window = made.journal.active_run("production")
    assert window is not None
    made.interrupt(lambda name, _: name == "journal.add_samples", _kill)
    with pytest.raises(Killed):
        made.carry_on(window)
    return made


def _kill() -> None:
    raise Killed


def emergency(world: World) -> Run:
    world.journal_down = True
    plan = plan_rollback(world.ports, emergency=True, tool_version="0", because=f"it burns {SECRET}")
    run = begin(plan, world.ports, lead="ann")
    world.journal_down = False
    return run


def died(world: World) -> None:
    """The process that was killed is gone, with its locks."""
    world.die_after(None)
    world.journal_down = False
    assert isinstance(world.spool, FileSpool)
    world.spool.close()


def test_an_emergency_is_kept_and_comes_into_the_journal_with_all_its_events(world: World) -> None:
    watching = world.journal.active_run("production")
    assert watching is not None
    done = emergency(world)
    assert (done.state, world.live_tag) == (RunState.ROLLED_BACK, "v1")
    assert done.sentence == "v1-3c5a3a6e is live; it went past the journal, which could not be used then"
    assert next_step(done)[1] == "mobius resume -e production"

    (run,) = reconcile(world.ports)

    assert (run.kind, run.state, run.plan.hash) == ("rollback", RunState.ROLLED_BACK, done.plan.hash)
    assert world.journal.run(watching.id).state is RunState.SUPERSEDED
    steps = world.journal.steps(run.id)
    assert [step.step_id for step in steps] == [step.id for step in run.plan.rollout]
    assert all(step.is_done for step in steps)
    kinds = [event.kind for event in world.journal.events(run_id=run.id)]
    assert kinds[0] == "run queued"
    assert kinds[-1] == "emergency recorded"
    assert kinds.count("rolled back") == 1
    assert any(row.topic == "rolled back" for row in world.journal.outbox())
    world.assert_serves("v1")


def test_the_next_run_has_a_token_above_the_emergency(world: World) -> None:
    emergency(world)
    epoch = world.spool.epoch().token
    (run,) = reconcile(world.ports)
    assert run.token >= epoch > 1_000_000
    assert world.deploy("v3").token > run.token
    assert world.live_tag == "v3"


def test_whoever_acted_before_the_emergency_may_not_write_or_act_after_it(world: World) -> None:
    before = world.journal.active_run("production")
    assert before is not None
    emergency(world)
    step = before.plan.rollout[0]
    for forgiving in (False, True):
        with pytest.raises(Fenced, match="an emergency of ann@box"):
            Record(before, world.ports, forgiving=forgiving).begin(step)
    world.journal_down = True  # and not because the journal says so
    with pytest.raises(Fenced):
        Record(before, world.ports, forgiving=True).begin(step)


def test_recording_it_again_changes_nothing(world: World, tmp_path: Path) -> None:
    emergency(world)
    (spooled,) = world.spool.waiting()
    first = reconcile(world.ports)[0]
    count = world.journal.verify_chain()[0]
    assert world.journal.adopt(spooled, now=world.clock.now()).id == first.id
    assert reconcile(world.ports) == ()
    assert world.journal.verify_chain()[0] == count


def test_a_kill_at_any_point_of_the_recording_leaves_it_recorded_once(world: World) -> None:
    emergency(world)
    for effects in range(1, 6):
        world.die_after(effects)
        try:
            reconcile(world.ports)
        except Killed:
            continue
        break
    world.die_after(None)
    reconcile(world.ports)
    told = world.journal.events(environment="production", kinds=("emergency recorded",))
    assert len(told) == 1
    assert world.spool.waiting() == ()
    world.journal.verify_chain()


@pytest.mark.parametrize("effects", range(1, 30))
def test_an_emergency_that_is_killed_anywhere_is_finished_by_the_next_one(world: World, effects: int) -> None:
    world.journal_down = True
    world.die_after(effects)
    try:
        emergency(world)
    except Killed:
        died(world)
        done = emergency(world)
        assert done.state is RunState.ROLLED_BACK, done.sentence
    died(world)
    assert world.live_tag == "v1"
    reconcile(world.ports)
    assert world.journal.active_run("production") is None
    assert world.journal.runs("production", 1)[0].state is RunState.ROLLED_BACK
    world.assert_serves("v1")


@pytest.mark.parametrize("effects", range(1, 30))
def test_an_emergency_that_is_killed_anywhere_is_carried_on_by_resume(world: World, effects: int) -> None:
    world.die_after(effects)
    try:
        emergency(world)
    except Killed:
        pass
    died(world)
    left = unfinished(world.ports)
    reconcile(world.ports)
    active = world.journal.active_run("production")
    if left is not None and active is not None and active.kind == "rollback":
        assert resume(world.ports).id == active.id
        world.carry_on(active)
        world.assert_serves("v1")
    world.journal.verify_chain()


def test_an_epoch_whose_record_was_lost_is_still_adopted(world: World) -> None:
    epoch = Epoch(5 << 40, "ann@box (pid 4711)", 12.0)
    world.spool.raise_epoch(epoch)
    assert reconcile(world.ports) == ()
    (told,) = world.journal.events(environment="production", kinds=("token raised",))
    assert told.data["token"] == epoch.token
    assert world.deploy("v3").token > epoch.token


def test_resume_after_it_was_recorded_shows_that_run(world: World) -> None:
    emergency(world)
    assert resume(world.ports).state is RunState.ROLLED_BACK
    assert resume(world.ports).state is RunState.ROLLED_BACK


def test_nothing_is_recorded_while_the_journal_is_away(world: World) -> None:
    emergency(world)
    world.journal_down = True
    with pytest.raises(MobiusError):
        reconcile(world.ports)
    assert len(world.spool.waiting()) == 1


def test_secrets_are_in_no_file_of_the_spool(world: World, tmp_path: Path) -> None:
    emergency(world)
    lines = next((tmp_path / "emergencies").glob("*.jsonl")).read_text().splitlines()
    assert len(lines) > 5
    assert not any(SECRET in line for line in lines[1:])
