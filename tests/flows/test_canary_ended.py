"""The end of a canary by whoever comes after it: never of one that has ended by itself, and never left half done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from flows.staged import ALL_BLUE, ALL_GREEN, HALF, TEN, in_the_first_stage, kill, with_v1
from mobius.flows.by_hand import abort
from mobius.flows.plan_return import plan_rollback
from mobius.model.plan import Plan
from mobius.model.run import Run, RunState
from world import Killed, World


def into_its_window(world: World, run: Run) -> None:
    """The canary goes on until the new release has all requests; its runner is killed there."""
    world.interrupt(
        lambda name, _: name == "journal.add_samples" and bool(world.journal.run(run.id).window_opened_at),
        kill,
    )
    with pytest.raises(Killed):
        world.carry_on(run)
    assert world.traffic.weights() == ALL_GREEN


def begun_just_then(world: World, plan: Plan) -> Run:
    """What `begin` refuses, where what it looked at changed between its look and the line that it writes."""
    holder, now = world.ports.holder(), world.clock.now()
    return world.journal.open_run("production", plan, lead="ann", holder=holder, now=now)


def a_deployment(world: World) -> Plan:
    return world.plan("v3")


def a_rollback_to_a_backup(world: World) -> Plan:
    backup = world.journal.backups("production")[0]
    return plan_rollback(world.ports, tool_version="0", backup=backup.path)


@pytest.mark.parametrize("planned", [a_deployment, a_rollback_to_a_backup])
def test_a_plan_to_end_a_canary_that_went_on_to_its_window_is_refused(
    planned: Callable[[World], Plan],
) -> None:
    world = with_v1()
    run = in_the_first_stage(world)
    plan = planned(world)
    assert plan.rollout[0].action == "end_split"
    into_its_window(world, run)

    stale = world.carry_on(begun_just_then(world, plan))

    assert (stale.state, stale.exit_code) == (RunState.REFUSED, 3)
    assert "the canary in green ended meanwhile" in stale.sentence
    assert world.traffic.moves == [ALL_BLUE, TEN, HALF, ALL_GREEN]
    world.assert_serves("v2")


def test_a_plan_to_end_a_canary_is_refused_where_another_release_lives_in_the_slot_by_now() -> None:
    world = with_v1()
    in_the_first_stage(world)
    plan = world.plan("v3")
    seen = world.target.processes
    world.target.processes = lambda: tuple(  # type: ignore[method-assign]
        replace(one, release_id="v9-another") if one.slot == "blue" else one for one in seen()
    )

    stale = world.carry_on(begun_just_then(world, plan))

    assert (stale.state, stale.exit_code) == (RunState.REFUSED, 3)
    assert world.traffic.weights() == TEN


def test_the_window_goes_on_where_a_plan_that_is_too_old_had_ended_it() -> None:
    world = with_v1()
    run = in_the_first_stage(world)
    plan = world.plan("v3")
    into_its_window(world, run)
    world.carry_on(begun_just_then(world, plan))

    watch = world.journal.runs("production")[0]

    assert (watch.kind, watch.plan.release_id) == ("monitor", run.plan.release_id)
    assert watch.plan.ways_back
    assert world.carry_on(watch).state is RunState.ACCEPTED


def test_a_plan_to_end_a_canary_that_was_taken_back_since_goes_on() -> None:
    world = with_v1()
    run = in_the_first_stage(world)
    plan = world.plan("v3")
    world.rollback()
    assert world.journal.run(run.id).state is RunState.SUPERSEDED

    assert world.carry_on(world.begin(plan)).state is RunState.ACCEPTED
    world.assert_serves("v3")


def test_an_abort_before_the_earlier_canary_was_ended_ends_it_and_watches_what_is_live() -> None:
    world = with_v1()
    in_the_first_stage(world)
    newer = world.begin(world.plan("v3"))

    ended = abort(world.ports, who="ann")

    assert (ended.id, ended.state) == (newer.id, RunState.ABORTED)
    assert world.traffic.moves == [ALL_BLUE, TEN, ALL_BLUE]
    world.assert_serves("v1")
    watch = world.journal.runs("production")[0]
    assert (watch.kind, watch.plan.release_id) == ("monitor", newer.plan.previous_id)
    assert world.launcher.launched[-1] == watch.id
    told = world.events(ended, "run ended")[0].message
    assert "the earlier canary is over" in told


def test_an_abort_after_the_earlier_canary_was_ended_watches_what_is_live() -> None:
    world = with_v1()
    in_the_first_stage(world)
    newer = world.begin(world.plan("v3"))
    world.interrupt(lambda name, _: name.startswith("releases."), kill)
    with pytest.raises(Killed):
        world.carry_on(newer)
    assert world.traffic.weights() == ALL_BLUE

    ended = abort(world.ports, who="ann")

    assert ended.state is RunState.ABORTED
    assert world.traffic.moves == [ALL_BLUE, TEN, ALL_BLUE]
    assert world.journal.runs("production")[0].kind == "monitor"


def test_an_abort_of_a_plan_that_is_too_old_leaves_the_new_release_in_its_window() -> None:
    world = with_v1()
    run = in_the_first_stage(world)
    plan = world.plan("v3")
    into_its_window(world, run)
    begun_just_then(world, plan)

    ended = abort(world.ports, who="ann")

    assert ended.state is RunState.ABORTED
    assert world.traffic.moves == [ALL_BLUE, TEN, HALF, ALL_GREEN]
    watch = world.journal.runs("production")[0]
    assert (watch.kind, watch.plan.release_id) == ("monitor", run.plan.release_id)
    assert watch.plan.ways_back


def test_an_abort_that_cannot_end_the_earlier_canary_calls_a_person_and_can_be_repeated() -> None:
    world = with_v1()
    in_the_first_stage(world)
    newer = world.begin(world.plan("v3"))
    world.break_step = newer.plan.rollout[0].id

    stopped = abort(world.ports, who="ann")

    assert stopped.state is RunState.NEEDS_OPERATOR
    assert world.traffic.weights() == TEN
    assert abort(world.ports, who="ann").state is RunState.ABORTED
    assert world.traffic.weights() == ALL_BLUE
