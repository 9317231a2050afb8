"""A window that holds a release against the one before it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mobius.adapters.checks.memory import MemoryChecks, bad
from mobius.adapters.clocks.memory import MemoryClock
from mobius.adapters.signals.window import WindowSignals
from mobius.flows.before import TICK_S, tick_s
from mobius.model.baseline import Baseline, Block
from mobius.model.policies import ADAPTIVE, CONSERVATIVE
from mobius.model.run import Run, RunState
from mobius.model.settings import MonitorSettings
from world import SETTINGS, Killed, Script, World

USUAL = {"traffic": Baseline.of([Block(3_000, 3)] * 60, 30.0)}


def deployed(errors: int, baselines: dict[str, Baseline], *, adaptive: bool = True) -> tuple[World, RunState]:
    """v2 comes after v1; so many of 100 requests fail in it, and its probes are good."""
    policy = ADAPTIVE if adaptive else CONSERVATIVE
    world = World(settings=replace(SETTINGS, policy=policy), baselines=baselines)
    assert world.deploy("v1").state is RunState.ACCEPTED
    world.scripts["v2"] = Script(errors=errors)
    return world, world.deploy("v2").state


def test_three_percent_of_errors_where_there_was_one_in_a_thousand_are_rolled_back() -> None:
    world, state = deployed(3, USUAL)
    assert state is RunState.ROLLED_BACK
    [verdict] = world.events(of_v2(world), "verdict")
    assert verdict.data["rule"] == "adaptive"
    assert verdict.message.startswith("errors: 3 % now, 0.1 % before (0.15 % tolerated)")
    world.assert_serves("v1")


def test_the_fixed_limits_alone_let_them_pass() -> None:
    assert deployed(3, USUAL, adaptive=False)[1] is RunState.ACCEPTED


def test_a_release_that_is_as_good_as_the_one_before_is_accepted() -> None:
    assert deployed(0, USUAL)[1] is RunState.ACCEPTED


def test_the_same_errors_before_and_after_are_no_reason() -> None:
    as_ever = {"traffic": Baseline.of([Block(3_000, 95)] * 60, 30.0)}
    assert deployed(3, as_ever)[1] is RunState.ACCEPTED


def test_a_window_says_what_it_is_held_against_or_that_nothing_is_known() -> None:
    for baselines, told in (
        (USUAL, "held against 180,000 requests of v1-"),
        ({}, "too little was counted of v1-"),
    ):
        world, _ = deployed(0, baselines)
        [opened] = world.events(of_v2(world), "window opened")
        assert told in opened.message


@pytest.mark.parametrize("looks", [1, 3, 6])
def test_a_watcher_that_is_killed_between_two_looks_decides_as_if_it_had_never_stopped(looks: int) -> None:
    straight, _ = deployed(3, USUAL)
    world = World(settings=replace(SETTINGS, policy=ADAPTIVE), baselines=USUAL)
    world.deploy("v1")
    world.scripts["v2"] = Script(errors=3)
    run = world.begin(world.plan("v2"))
    world.interrupt(
        lambda name, args: name == "journal.add_samples" and world.looks.get("v2") == looks, _kill
    )

    with pytest.raises(Killed):
        world.carry_on(run)

    assert world.carry_on(run).sentence == of_v2(straight).sentence


def test_a_release_that_came_back_is_held_against_itself_and_not_against_the_bad_one() -> None:
    world, state = deployed(3, USUAL)
    assert state is RunState.ROLLED_BACK
    watch = world.journal.active_run("production")
    assert watch is not None
    world.held_against.clear()
    world.carry_on(watch)
    assert set(world.held_against) == {"v1"}


def of_v2(world: World) -> Run:
    return next(
        run for run in world.journal.runs("production") if run.plan.tag == "v2" and run.kind == "deploy"
    )


def _kill() -> None:
    raise Killed


def test_what_is_left_of_a_window_that_a_refused_deployment_ended_is_held_against_the_release_before() -> (
    None
):
    """Against its own bad traffic nothing would be found."""
    world = World(settings=replace(SETTINGS, policy=ADAPTIVE), baselines=USUAL)
    assert world.deploy("v1").state is RunState.ACCEPTED
    world.clock.in_s(1800, lambda: world.begin(world.plan("v3")))
    second = world.deploy("v2")
    world.gates["lint"] = bad("lint")
    assert world.carry_on(world.journal.run(second.id + 1)).state is RunState.REFUSED
    watch = world.journal.active_run("production")
    assert watch is not None and watch.kind == "monitor"
    world.held_against.clear()
    world.carry_on(watch)
    assert set(world.held_against) == {"v1"}


@pytest.mark.parametrize("interval_s", [0.5, 1.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.5, 30.0, 61.0])
def test_probes_keep_their_interval_and_traffic_is_counted_at_least_every_five_seconds(
    interval_s: float,
) -> None:
    settings = replace(SETTINGS, policy=ADAPTIVE, monitor=MonitorSettings(interval_s=interval_s))
    every_s = tick_s(settings)
    assert every_s <= TICK_S
    clock = MemoryClock()
    begun = clock.monotonic()
    signals = WindowSignals(settings, MemoryChecks(), clock=clock, probe_every_s=interval_s - every_s / 2)
    probed_at = []
    for _ in range(60):
        if any(sample.signal == "probe" for sample in signals.sample(clock.now())):
            probed_at.append(clock.monotonic() - begun)
        clock.wait(every_s)
    assert len(probed_at) >= 4
    assert probed_at == pytest.approx([number * interval_s for number in range(len(probed_at))])


def test_a_policy_that_compares_nothing_looks_as_often_as_it_probes() -> None:
    assert tick_s(replace(SETTINGS, policy=CONSERVATIVE, monitor=MonitorSettings(interval_s=8.0))) == 8.0


def test_the_plan_and_the_window_say_what_will_be_seen() -> None:
    short = replace(SETTINGS, policy=ADAPTIVE, window_s=90.0)
    world = World(settings=short, baselines=USUAL)
    world.deploy("v1")
    world.deploy("v2")
    [opened] = world.events(of_v2(world), "window opened")
    [check] = [check for check in world.plan("v3").checks if check.name == "watch"]
    assert check.answer.startswith("at 100 requests/s a rise of errors to 5 % is seen in about ")
    assert opened.message.endswith(f"; {check.answer}")
    fresh = World(settings=short)
    fresh.deploy("v1")
    assert not [check for check in fresh.plan("v2").checks if check.name == "watch"]


@pytest.mark.parametrize("baselines", [USUAL, {}], ids=["known", "unknown"])
def test_twenty_seconds_of_errors_roll_nothing_back_whatever_is_known_of_before(
    baselines: dict[str, Baseline],
) -> None:
    world = World(settings=replace(SETTINGS, policy=ADAPTIVE), baselines=baselines)
    assert world.deploy("v1").state is RunState.ACCEPTED
    world.scripts["v2"] = Script()
    run = world.begin(world.plan("v2"))
    for look, errors in ((600, 60), (604, 0)):
        world.interrupt(
            lambda name, _, look=look: name == "journal.add_samples" and world.looks["v2"] == look,  # type: ignore[misc]
            lambda errors=errors: world.scripts.update(v2=Script(errors=errors)),  # type: ignore[misc]
        )
    ended = world.carry_on(run)
    assert ended.state is RunState.ACCEPTED, ended.sentence
    assert "0.17 % errors" in ended.sentence
