"""A disarmed window: nothing is judged or acted on for a while, a person is called, and a pass has to be earned."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mobius.errors import UsageError
from mobius.flows.begin import begin
from mobius.flows.disarm import arm, disarm, disarmed
from mobius.flows.plan_return import plan_rollback
from mobius.flows.shadow import scored
from mobius.flows.status import status
from mobius.model.run import Run, RunState
from mobius.model.settings import MonitorSettings
from world import SETTINGS, Killed, Script, World

QUICK = replace(SETTINGS, window_s=7200.0, monitor=MonitorSettings(interval_s=60.0))


def with_v1(**script: object) -> World:
    """v1 is live, and v2 will behave like this: 120 looks, one a minute."""
    world = World(settings=QUICK)
    assert world.deploy("v1").state is RunState.ACCEPTED
    world.scripts["v2"] = Script(**script)  # type: ignore[arg-type]
    return world


def disarm_in(world: World, seconds: float, for_s: float, reason: str = "the name servers are down") -> None:
    world.clock.in_s(seconds, lambda: disarm(world.ports, for_s=for_s, reason=reason, who="ann@box"))


def pages(world: World, run: Run) -> list[str]:
    return [event.message for event in world.events(run, "page")]


def test_what_goes_wrong_while_it_is_disarmed_pages_once_and_is_not_acted_on() -> None:
    world = with_v1()
    begun = world.begin(world.plan("v2"))
    disarm_in(world, 600, 1200)
    bad = world.clock.now() + 900
    world.clock.in_s(900, lambda: world.scripts.update(v2=Script(bad_after=0)))
    world.clock.in_s(1500, lambda: world.scripts.update(v2=Script()))

    run = world.carry_on(begun)

    assert bad < run.ended_at
    assert run.state is RunState.ACCEPTED
    [page] = world.events(run, "page")
    assert page.data["rule"] == "error_rate"
    assert "; nothing is done: disarmed by ann@box until " in page.message
    assert page.message.endswith(": the name servers are down")
    assert page.data["choices"] == [
        "go back: mobius rollback -e production",
        "let it act again: mobius monitor arm -e production",
    ]
    assert run.sentence.endswith(
        "; disarmed for 20 min of 2 h, which is not judged: the name servers are down"
    )
    world.assert_serves("v2")
    assert not any(window.alarm_at for window in scored(world.ports).windows), (
        "a known incident is no false alarm"
    )


def test_what_is_still_wrong_when_it_ends_by_itself_is_rolled_back_by_what_came_after() -> None:
    world = with_v1()
    begun = world.begin(world.plan("v2"))
    disarm_in(world, 600, 1200)
    world.clock.in_s(900, lambda: world.scripts.update(v2=Script(bad_after=0)))

    run = world.carry_on(begun)

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    [verdict] = world.events(run, "verdict")
    [disarmed_at] = [e.at for e in world.journal.events(environment="production", kinds=("disarmed",))]
    assert disarmed_at + 1200 < verdict.at < disarmed_at + 1200 + 300
    assert len(world.events(run, "page")) == 1


def test_armed_again_by_a_person_it_acts_again() -> None:
    world = with_v1()
    begun = world.begin(world.plan("v2"))
    disarm_in(world, 600, 3600)
    world.clock.in_s(900, lambda: world.scripts.update(v2=Script(bad_after=0)))
    world.clock.in_s(1200, lambda: arm(world.ports, who="ben@box"))

    run = world.carry_on(begun)

    assert run.state is RunState.ROLLED_BACK
    [armed] = world.journal.events(environment="production", kinds=("armed",))
    assert armed.message == "ben@box armed it again; it was disarmed by ann@box: the name servers are down"
    assert run.ended_at - armed.at < 400


def test_a_window_disarmed_for_more_than_a_fifth_cannot_pass_by_itself() -> None:
    world = with_v1()
    begun = world.begin(world.plan("v2"))
    disarm_in(world, 600, 1800)

    run = world.carry_on(begun)

    assert (run.state, run.exit_code) == (RunState.INCONCLUSIVE, 4)
    assert run.sentence.startswith(
        "disarmed for 30 min of 2 h (more than 20 %: no pass by itself): the name servers are down; in the rest healthy"
    )
    assert world.web_tags() == {"v1", "v2"}, "the way back stays warm"


def test_a_restarted_runner_knows_that_it_is_disarmed_and_does_not_page_again() -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    disarm_in(world, 600, 1200)
    world.clock.in_s(700, lambda: world.scripts.update(v2=Script(bad_after=0)))
    world.clock.in_s(1600, lambda: world.scripts.update(v2=Script()))
    world.interrupt(lambda name, _: name == "journal.add_samples" and world.looks["v2"] == 22, _kill)
    with pytest.raises(Killed):
        world.carry_on(run)

    ended = world.carry_on(run)

    assert ended.state is RunState.ACCEPTED
    assert len(pages(world, ended)) == 1


def test_a_rollback_by_hand_is_never_in_the_way_of_a_disarmed_window() -> None:
    world = with_v1()
    begun = world.begin(world.plan("v2"))
    disarm_in(world, 600, 1200)
    world.clock.in_s(900, lambda: _begin_rollback(world))

    assert world.carry_on(begun).state is RunState.SUPERSEDED
    back = world.journal.active_run("production")
    assert back is not None and back.kind == "rollback"
    world.carry_on(back)
    world.assert_serves("v1")


def test_the_live_window_and_status_say_it() -> None:
    world = with_v1()
    begun = world.begin(world.plan("v2"))
    disarm_in(world, 600, 1200)
    seen: list[object] = []
    world.clock.in_s(900, lambda: seen.append(status(world.ports).disarm))

    run = world.carry_on(begun)

    assert seen and seen[0] is not None
    assert status(world.ports).disarm is None
    told = [event.message for event in world.events(run, "so far") if event.message.startswith("DISARMED")]
    assert 18 <= len(told) <= 21


def test_it_wants_a_reason_and_no_more_than_eight_hours() -> None:
    world = World()
    for for_s, reason in ((60.0, " "), (0.0, "x"), (8 * 3600 + 1.0, "x")):
        with pytest.raises(UsageError):
            disarm(world.ports, for_s=for_s, reason=reason, who="ann@box")
    assert disarmed(world.ports) is None
    assert arm(world.ports, who="ann@box") is None
    assert world.journal.events() == ()


def _begin_rollback(world: World) -> None:
    begin(plan_rollback(world.ports, tool_version="0"), world.ports, lead="ann")


def _kill() -> None:
    raise Killed
