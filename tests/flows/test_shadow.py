"""A window that may not act: it says its no once, ends with it, and its score is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mobius.flows.begin import begin
from mobius.flows.by_hand import accept_by_hand
from mobius.flows.look_on import LookingOn
from mobius.flows.plan_return import plan_rollback
from mobius.flows.shadow import scored
from mobius.model.run import Run, RunState
from mobius.model.score import Fate
from mobius.model.settings import MonitorSettings
from mobius.model.verdict import Outcome
from world import SETTINGS, Killed, Script, World

QUICK = replace(SETTINGS, window_s=7200.0, monitor=MonitorSettings(interval_s=60.0))
SHADOW = replace(QUICK, monitor=MonitorSettings(interval_s=60.0, shadow=True))
DAY = 86_400.0


def with_v1(settings: object = QUICK, **script: object) -> World:
    """v1 is live, and v2 will behave like this: 120 looks, one a minute."""
    world = World(settings=settings)  # type: ignore[arg-type]
    assert world.deploy("v1").state is RunState.ACCEPTED
    world.scripts["v2"] = Script(**script)  # type: ignore[arg-type]
    return world


def bad_for_a_while(world: World) -> Run:
    """Ten minutes of trouble in the first half of the window of v2, and then it is well again."""
    begun = world.begin(world.plan("v2"))
    world.clock.in_s(900, lambda: world.scripts.update(v2=Script(bad_after=0)))
    world.clock.in_s(1500, lambda: world.scripts.update(v2=Script()))
    return world.carry_on(begun)


def test_a_shadow_says_what_it_would_have_done_and_touches_and_calls_nobody() -> None:
    world = with_v1(SHADOW)

    run = bad_for_a_while(world)

    [opened] = world.events(run, "window opened")
    assert opened.data["shadow"] is True
    assert opened.message.endswith("; a shadow: it judges and never acts")
    [would] = world.events(run, "would roll back")
    assert would.data["rule"] == "error_rate"
    assert would.message.startswith("would be taken back now: errors ")
    assert world.events(run, "verdict") == []
    [at_the_end] = world.events(run, "page")
    assert (run.state, run.exit_code) == (RunState.INCONCLUSIVE, 3)
    assert "; nothing was done by itself: this window is a shadow)" in at_the_end.message
    assert world.web_tags() == {"v1", "v2"}, "the way back stays warm"
    world.assert_serves("v2")


def test_a_finding_that_nothing_was_done_about_ends_the_window_with_its_time() -> None:
    world = with_v1(replace(QUICK, auto_rollback=False))

    run = bad_for_a_while(world)

    [page, at_the_end] = world.events(run, "page")
    assert page.message.endswith("; nothing is done by itself: auto_rollback is off")
    assert (run.state, run.exit_code) == (RunState.INCONCLUSIVE, 3)
    assert run.sentence == at_the_end.data["sentence"]
    assert run.sentence.startswith(f"{page.data['sentence']} (found ")
    assert run.sentence.endswith("; nothing was done by itself: auto_rollback is off)")


def test_it_calls_again_where_it_no_longer_answers_its_checks_and_not_otherwise() -> None:
    world = with_v1(replace(QUICK, auto_rollback=False))
    begun = world.begin(world.plan("v2"))
    world.clock.in_s(600, lambda: world.scripts.update(v2=Script(errors=20)))
    world.clock.in_s(3000, lambda: world.scripts.update(v2=Script(bad_after=0)))

    run = world.carry_on(begun)

    first, worse, _at_the_end = world.events(run, "page")
    assert (first.data["rule"], worse.data["rule"]) == ("error_rate", "failed_checks")
    assert worse.message.startswith("it got worse: 3 health checks in a row failed")


def test_a_restarted_runner_knows_what_was_found() -> None:
    world = with_v1(SHADOW)
    run = world.begin(world.plan("v2"))
    world.clock.in_s(900, lambda: world.scripts.update(v2=Script(bad_after=0)))
    world.clock.in_s(1500, lambda: world.scripts.update(v2=Script()))
    world.interrupt(lambda name, _: name == "journal.add_samples" and world.looks["v2"] == 60, _kill)
    with pytest.raises(Killed):
        world.carry_on(run)

    ended = world.carry_on(run)

    assert (ended.state, ended.exit_code) == (RunState.INCONCLUSIVE, 3)
    assert len(world.events(ended, "would roll back")) == 1


def test_the_score_counts_false_alarms_and_what_was_seen_before_a_person_saw_it() -> None:
    world = with_v1(SHADOW)
    false_alarm = bad_for_a_while(world)
    accept_by_hand(world.ports, who="ann")
    world.clock.wait(2 * DAY)
    seen = world.begin(world.plan("v3"))
    world.scripts["v3"] = Script(bad_after=20)
    world.clock.in_s(3600, lambda: _begin_rollback(world))
    assert world.carry_on(seen).state is RunState.SUPERSEDED

    found = scored(world.ports)

    fates = {one.run_id: one.fate for one in found.windows}
    assert fates[false_alarm.id] is Fate.HEALTHY
    assert fates[seen.id] is Fate.TAKEN_BACK
    assert (found.healthy, found.false_alarms) == (2, 1), "v1 was healthy, too"
    assert (found.taken_back, found.seen) == (1, 1)
    [earlier_s] = found.earlier_s
    assert 1800 < earlier_s < 2700
    assert found.advice == "too early to say: 2 of 20 healthy windows"


def test_a_runner_that_was_stopped_for_five_minutes_says_so_and_judges_on() -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    world.interrupt(
        lambda name, _: name == "journal.add_samples" and world.looks["v2"] == 30,
        lambda: world.clock.wait(300),
    )

    ended = world.carry_on(run)

    assert ended.state is RunState.ACCEPTED
    [blind] = world.events(ended, "blind")
    assert 240 <= blind.data["seconds"] <= 300, "to an interval"


def test_a_clock_that_is_set_forward_ends_no_window_well_and_rolls_nothing_back() -> None:
    world = with_v1()
    world.clock.in_s(2000, lambda: world.clock.jump(3600))

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.INCONCLUSIVE, 4)
    world.assert_serves("v2")


def test_who_looks_on_sees_what_the_keeper_of_the_window_sees() -> None:
    world = with_v1(errors=1)
    begun = world.begin(world.plan("v2"))
    seen: list[LookingOn] = []

    def look_on() -> None:
        looking = LookingOn(world.journal.run(begun.id), world.ports, way_back="code alone")
        looking.add(world.journal.samples(begun.id))
        seen.append(looking)

    world.clock.in_s(3600, look_on)
    world.carry_on(begun)

    [looking] = seen
    now = looking.run.window_opened_at + 3600
    tick = looking.tick(now)
    assert tick.outcome is Outcome.INCONCLUSIVE
    assert (tick.checks, tick.failed, tick.requests, tick.errors) == (60, 0, 6000, 60)
    assert tick.traffic["traffic"].errors_pct == pytest.approx(1.0)
    assert {one.rule: one.share for one in tick.nearest} == pytest.approx(
        {"error_rate": 0.2, "p95": 0.001, "failed_checks": 0.0}
    )
    assert len(looking.curves(now, 30)) == 30


def _begin_rollback(world: World) -> None:
    begin(plan_rollback(world.ports, tool_version="0"), world.ports, lead="ann")


def _kill() -> None:
    raise Killed
