"""A plan is begun only while what it was made from still stands: its ways back lead to what was live then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.staged import ALL_GREEN, STAGED, TEN, in_the_first_stage, kill, with_v1
from mobius.errors import GateFailed
from mobius.model.plan import Plan
from mobius.model.run import RunState
from mobius.model.settings import CanarySettings
from world import Killed, World

AT_ONCE = replace(STAGED, canary=CanarySettings())


def refused(world: World, plan: Plan) -> str:
    """Why it is not begun; nothing is changed by that."""
    runs, moves = world.journal.runs("production"), list(world.traffic.moves)
    with pytest.raises(GateFailed) as refusal:
        world.begin(plan)
    assert world.journal.runs("production") == runs
    assert world.traffic.moves == moves
    assert "plan again" in refusal.value.hint
    return refusal.value.message


def test_a_deployment_planned_before_another_one_was_accepted_is_not_begun() -> None:
    world = with_v1(AT_ONCE)
    plan = world.plan("v3")
    v2 = world.deploy("v2")
    assert v2.state is RunState.ACCEPTED

    found = refused(world, plan)

    assert found == f"the plan does not hold any more: {v2.plan.release_id} is live in green now"
    world.assert_serves("v2")
    assert world.web_tags() == {"v2"}


def test_a_restart_planned_before_another_release_was_live_is_not_begun() -> None:
    from mobius.flows.restart import plan_restart

    world = with_v1(AT_ONCE)
    plan = plan_restart(world.ports, tool_version="0")
    world.deploy("v2")

    assert "is live in green now" in refused(world, plan)


def test_a_deployment_planned_before_a_canary_began_does_not_end_it_unseen() -> None:
    world = with_v1()
    plan = world.plan("v3")
    canary = in_the_first_stage(world)

    found = refused(world, plan)

    assert found == f"the plan does not hold any more: a canary of {canary.plan.release_id} goes on in green"
    assert world.traffic.weights() == TEN
    assert world.carry_on(canary).state is RunState.ACCEPTED


def test_a_plan_that_ends_a_canary_ends_no_other_in_the_same_slot() -> None:
    world = with_v1()
    in_the_first_stage(world)
    plan = world.plan("v3")
    world.rollback()
    other = world.begin(world.plan("v3"))
    world.interrupt(lambda name, _: name == "journal.add_samples" and world.looks.get("v3", 0) >= 1, kill)
    with pytest.raises(Killed):
        world.carry_on(other)
    assert world.traffic.weights() == TEN

    found = refused(world, plan)

    assert found == f"the plan does not hold any more: a canary of {other.plan.release_id} goes on in green"
    assert world.carry_on(world.journal.run(other.id)).state is RunState.ACCEPTED


def test_a_window_goes_on_although_a_plan_from_before_it_was_to_be_begun() -> None:
    world = with_v1(AT_ONCE)
    plan = world.plan("v3")
    run = world.begin(world.plan("v2"))
    world.interrupt(lambda name, _: name == "journal.add_samples", kill)
    with pytest.raises(Killed):
        world.carry_on(run)

    refused(world, plan)

    assert world.traffic.weights() == ALL_GREEN
    assert world.carry_on(run).state is RunState.ACCEPTED


def test_the_step_that_ends_a_canary_names_its_release() -> None:
    world = with_v1()
    canary = in_the_first_stage(world)

    first = world.plan("v3").rollout[0]

    assert first.title == f"end the canary of {canary.plan.release_id} in green: all requests go to blue"
