"""Going back where no journal can be written, and what a runner that comes back makes of it afterwards."""

from __future__ import annotations

import pytest

from mobius.errors import MobiusError, UsageError
from mobius.flows.by_hand import accept_by_hand
from mobius.flows.plan_return import plan_rollback
from mobius.flows.status import status
from mobius.model.run import Run, RunState
from mobius.ports import Note
from world import Script, World


def in_the_window_of_v2() -> tuple[World, Run]:
    """v1 is warm, v2 receives traffic, and the runner of its window was killed."""
    world = World()
    world.deploy("v1")
    world.scripts["v2"] = Script(blind_after=0)
    run = world.begin(world.plan("v2"))
    world.interrupt(lambda name, _: name == "journal.add_samples", lambda: _killed())
    with pytest.raises(KeyboardInterrupt):
        world.carry_on(run)
    world.scripts.clear()
    return world, world.journal.run(run.id)


def _killed() -> None:
    raise KeyboardInterrupt


def test_a_person_goes_back_while_no_journal_can_be_written() -> None:
    world, _ = in_the_window_of_v2()
    plan = plan_rollback(world.ports, tool_version="0")
    world.journal_down = world.disk_full = True

    run = world.begin(plan)

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 0), run.sentence
    assert world.live_tag == "v1"


def test_a_deployment_never_begins_without_a_journal() -> None:
    world = World()
    world.deploy("v1")
    plan = world.plan("v2")
    world.journal_down = True

    with pytest.raises(MobiusError):
        world.begin(plan)

    assert world.live_tag == "v1"


def test_a_runner_that_finds_traffic_moved_back_finishes_the_way_back_instead_of_watching() -> None:
    world, run = in_the_window_of_v2()
    world.traffic.switch({run.plan.previous_slot: 100})

    assert world.carry_on(run).state is RunState.ROLLED_BACK
    world.assert_serves("v1")


def test_a_release_that_traffic_has_left_is_not_accepted_and_what_is_live_is_not_stopped() -> None:
    world, run = in_the_window_of_v2()
    world.traffic.switch({run.plan.previous_slot: 100})

    assert accept_by_hand(world.ports, who="ada").state is RunState.NEEDS_OPERATOR
    assert world.live_tag == "v1"


def test_accepting_loses_against_a_verdict_that_came_first() -> None:
    world, run = in_the_window_of_v2()

    def decide() -> None:
        holder, now = world.ports.holder(), world.clock.now()
        taken = world.journal.take_over(run, holder=holder, now=now)
        note = Note("rollback begun", "too many errors")
        world.journal.move(taken, RunState.ROLLING_BACK, note, now=now)

    world.interrupt(lambda name, _: name == "journal.take_over", decide)
    with pytest.raises(UsageError, match="cannot be accepted any more: it is rolling back"):
        accept_by_hand(world.ports, who="ada")


def test_where_nothing_is_known_since_the_journal_is_damaged_nobody_is_told_to_deploy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def damaged(*_: object, **__: object) -> None:
        raise MobiusError("the journal is damaged", "move it away")

    world = World()
    assert status(world.ports).next == "mobius deploy -e production --tag TAG"
    for asked in ("releases", "runs", "active_run"):
        monkeypatch.setattr(world.journal, asked, damaged)
    now = status(world.ports)
    assert now.live is None and now.next == "mobius doctor -e production"
