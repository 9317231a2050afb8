"""After the host was stopped, or booted: all that a run goes on with is there again before its runner looks."""

from __future__ import annotations

import pytest

from flows.staged import ALL_BLUE, ALL_GREEN, TEN, in_the_first_stage, kill, with_v1
from mobius.flows.bring_up import bring_up
from mobius.flows.serve import Watchman
from mobius.model.run import Run, RunState
from world import Killed, World


def stop_everything(world: World) -> None:
    for slot in ("blue", "green"):
        world.target.stop(slot)


def in_its_window(world: World) -> Run:
    run = in_the_first_stage(world)
    world.interrupt(
        lambda name, _: name == "journal.add_samples" and bool(world.journal.run(run.id).window_opened_at),
        kill,
    )
    with pytest.raises(Killed):
        world.carry_on(run)
    return world.journal.run(run.id)


def test_a_canary_goes_on_in_its_stage_with_both_releases() -> None:
    world = with_v1()
    run = in_the_first_stage(world)
    stop_everything(world)

    bring_up(world.ports)

    assert (world.web_tags(), world.working_tags()) == ({"v1", "v2"}, {"v1"})
    assert world.traffic.weights() == TEN
    assert world.carry_on(run).state is RunState.ACCEPTED
    world.assert_serves("v2")


def test_a_canary_that_does_not_come_up_again_loses_its_requests_and_is_taken_back() -> None:
    world = with_v1()
    run = in_the_first_stage(world)
    stop_everything(world)
    world.target.dying_releases.add(run.plan.release_id)

    bring_up(world.ports)

    assert world.traffic.weights() == ALL_BLUE
    ended = world.carry_on(run)
    assert ended.state is RunState.ROLLED_BACK
    assert "did not come up again" in ended.sentence
    world.assert_serves("v1")


def test_the_way_back_of_a_window_is_warm_again() -> None:
    world = with_v1()
    in_its_window(world)
    stop_everything(world)

    bring_up(world.ports)

    assert (world.web_tags(), world.working_tags()) == ({"v1", "v2"}, {"v2"})
    assert world.traffic.weights() == ALL_GREEN


def test_what_is_live_is_up_although_its_way_back_does_not_come_up() -> None:
    world = with_v1()
    run = in_its_window(world)
    stop_everything(world)
    world.target.dying_releases.add(run.plan.previous_id)

    up = bring_up(world.ports)

    assert up.live is not None
    assert (up.live.tag, world.live_tag, world.working_tags()) == ("v2", "v2", {"v2"})


def test_a_run_whose_processes_and_runner_are_gone_gets_both_again() -> None:
    world = with_v1()
    run = in_the_first_stage(world)
    stop_everything(world)
    world.launcher.stop(run)
    said: list[str] = []

    Watchman(world.ports, said.append).look()

    assert world.web_tags() == {"v1", "v2"}
    assert run.id in world.launcher.launched
    assert [line.split(": ")[-1] for line in said] == ["it is brought up", said[1], "another is started"]


def test_a_canary_alone_that_is_gone_with_its_runner_comes_back() -> None:
    world = with_v1()
    run = in_the_first_stage(world)
    world.target.stop("green")
    world.launcher.stop(run)

    Watchman(world.ports, lambda line: None).look()

    assert world.web_tags() == {"v1", "v2"}
    assert world.traffic.weights() == TEN


def test_a_run_whose_runner_goes_on_is_left_to_it() -> None:
    world = with_v1()
    run = in_the_first_stage(world)
    world.launcher.launch(run)
    world.target.stop("green")

    Watchman(world.ports, lambda line: None).look()

    assert world.web_tags() == {"v1"}
