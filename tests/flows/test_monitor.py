"""The window: what a verdict does, what a restart or a newer act does to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mobius.errors import Locked
from mobius.model.release import ReleaseState
from mobius.model.run import RunState
from mobius.model.settings import MonitorSettings
from world import SETTINGS, Killed, Script, World

HOUR = 3600.0


def with_v1(settings: object = SETTINGS, **script: object) -> World:
    """v1 is live, and v2 will behave like this."""
    world = World(settings=settings)  # type: ignore[arg-type]
    assert world.deploy("v1").state is RunState.ACCEPTED
    world.scripts["v2"] = Script(**script)  # type: ignore[arg-type]
    return world


def test_a_bad_release_is_rolled_back_once_and_says_why() -> None:
    world = with_v1(bad_after=2)

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    [verdict] = world.events(run, "verdict")
    assert verdict.data["outcome"] == "FAIL" and verdict.data["rule"] == "error_rate"
    [begun] = world.events(run, "rollback begun")
    assert begun.data["because"] == verdict.message == run.sentence
    assert len(world.traffic.moves) == 3
    world.assert_serves("v1")
    assert world.web_tags() == {"v1"}


def test_after_a_rollback_the_old_release_is_watched_for_two_hours_and_never_rolled_back() -> None:
    world = with_v1(bad_after=0)
    world.deploy("v2")
    watch = world.journal.active_run("production")
    assert watch is not None
    world.scripts["v1"] = Script(bad_after=0)

    ended = world.carry_on(watch)

    assert ended.window_deadline - ended.window_opened_at == 2 * HOUR
    assert (ended.state, ended.exit_code) == (RunState.INCONCLUSIVE, 3)
    assert len(world.events(ended, "page")) > 0
    assert world.live_tag == "v1"


def test_without_auto_rollback_a_bad_release_pages_once_and_stays() -> None:
    world = with_v1(replace(SETTINGS, auto_rollback=False), bad_after=2)

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.INCONCLUSIVE, 3)
    [page, _at_the_end] = world.events(run, "page")
    assert (page.data["outcome"], page.data["rule"]) == ("FAIL", "error_rate")
    assert page.data["choices"] == [
        "go back: mobius rollback -e production",
        "keep it: mobius accept -e production",
    ]
    assert world.live_tag == "v2"
    assert world.web_tags() == {"v1", "v2"}, "the way back stays warm"


def test_a_restarted_monitor_does_not_page_again() -> None:
    world = with_v1(replace(SETTINGS, auto_rollback=False), bad_after=0)
    run = world.begin(world.plan("v2"))
    world.interrupt(lambda name, args: name == "journal.add_samples" and world.looks["v2"] == 4, _kill)
    with pytest.raises(Killed):
        world.carry_on(run)

    ended = world.carry_on(run)

    assert [event.data.get("outcome") for event in world.events(ended, "page")] == ["FAIL", None]


def test_a_window_without_enough_measurements_keeps_the_way_back_and_is_never_accepted() -> None:
    world = with_v1(blind_after=3)

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.INCONCLUSIVE, 4)
    assert world.state_of("v2") is ReleaseState.LIVE
    assert world.state_of("v1") is ReleaseState.PREVIOUS
    assert world.web_tags() == {"v1", "v2"}
    assert world.journal.outbox()[-1].topic == "alert"


def test_time_in_which_nobody_looked_is_written_down_and_is_not_health() -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    world.interrupt(lambda name, _: name == "journal.add_samples" and world.looks["v2"] == 3, _kill)
    with pytest.raises(Killed):
        world.carry_on(run)
    world.clock.wait(5000)

    ended = world.carry_on(run)

    [blind] = world.events(ended, "blind")
    assert blind.data["seconds"] == pytest.approx(5900, abs=1)
    assert ended.state is RunState.INCONCLUSIVE


@pytest.mark.parametrize(("stopped_s", "told"), [(1.5, []), (9.0, ["nobody looked for 9"])])
def test_with_an_interval_of_milliseconds_a_late_look_is_no_gap(stopped_s: float, told: list[str]) -> None:
    world = with_v1(replace(SETTINGS, window_s=60.0, monitor=MonitorSettings(interval_s=0.05)))
    run = world.begin(world.plan("v2"))
    world.interrupt(
        lambda name, _: name == "journal.add_samples" and world.looks["v2"] == 30,
        lambda: world.clock.wait(stopped_s),
    )

    ended = world.carry_on(run)

    said = [event.message[:19] for event in world.events(ended, "blind")]
    assert said == told


def test_a_deadline_is_absolute_whatever_happens_to_the_monitor() -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    world.interrupt(lambda name, _: name == "journal.add_samples" and world.looks["v2"] == 3, _kill)
    with pytest.raises(Killed):
        world.carry_on(run)
    before = world.journal.run(run.id)
    world.clock.wait(100)

    ended = world.carry_on(run)

    assert (ended.window_opened_at, ended.window_deadline) == (
        before.window_opened_at,
        before.window_deadline,
    )
    assert world.clock.now() == pytest.approx(before.window_deadline, abs=1)


def test_a_preempted_monitor_leaves_quietly_and_touches_nothing() -> None:
    world = with_v1(bad_after=3)
    world.clock.in_s(1000, lambda: world.begin(world.plan("v3")))

    run = world.deploy("v2")

    assert run.state is RunState.SUPERSEDED
    assert len(world.traffic.moves) == 2
    assert world.live_tag == "v2"
    assert not world.events(run, "verdict")


@pytest.mark.parametrize("line", ["say verdict", "move rolling back"])
def test_a_verdict_at_the_very_moment_of_a_newer_run_cannot_roll_back(line: str) -> None:
    world = with_v1(bad_after=0)

    def is_that_line(name: str, args: tuple[object, ...]) -> bool:
        if line == "say verdict":
            return name == "journal.say" and getattr(args[2], "kind", "") == "verdict"
        return name == "journal.move" and args[1] is RunState.ROLLING_BACK

    world.interrupt(is_that_line, lambda: world.begin(world.plan("v3")))

    run = world.deploy("v2")

    assert run.state is RunState.SUPERSEDED
    assert world.live_tag == "v2"
    assert len(world.traffic.moves) == 2
    assert world.carry_on(world.journal.run(run.id + 1)).state is RunState.ACCEPTED
    world.assert_serves("v3")


def test_once_a_rollback_is_written_down_a_newer_deployment_waits_for_its_end() -> None:
    world = with_v1(bad_after=0)
    refused: list[str] = []

    def try_to_deploy() -> None:
        with pytest.raises(Locked) as locked:
            world.begin(world.plan("v3"))
        refused.append(locked.value.message)

    world.interrupt(lambda name, args: name == "traffic.switch" and args[0] == {"blue": 100}, try_to_deploy)

    assert world.deploy("v2").state is RunState.ROLLED_BACK
    assert refused == ["production is locked by run 2 (deploy v2, rolling back): ann@box (pid 4711)"]


def test_a_verdict_waits_for_whoever_holds_the_environment_and_then_rolls_back() -> None:
    world = with_v1(bad_after=0)
    held = world.lock.held()
    world.interrupt(lambda name, _: name == "journal.add_samples", held.__enter__)
    world.clock.in_s(1500, lambda: held.__exit__(None, None, None))

    run = world.deploy("v2")

    assert run.state is RunState.ROLLED_BACK
    world.assert_serves("v1")


def test_a_newer_run_waits_for_a_superseded_monitor_to_let_go_of_the_lock() -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    held = world.lock.held()
    held.__enter__()
    world.clock.in_s(2.0, lambda: held.__exit__(None, None, None))

    assert world.carry_on(run).state is RunState.ACCEPTED


def test_a_lock_that_is_never_let_go_is_an_error_that_names_the_holder() -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))

    with world.lock.held(), pytest.raises(Locked, match="somebody in this process"):
        world.carry_on(run)

    world.assert_serves("v1")


@pytest.mark.parametrize("restarted", [False, True])
def test_a_full_disk_in_the_window_stops_neither_the_watch_nor_the_rollback(restarted: bool) -> None:
    world = with_v1(bad_after=4)
    run = world.begin(world.plan("v2"))

    def fill_up() -> None:
        world.journal_down = world.disk_full = world.backups.disk_full = True
        if restarted:
            raise Killed

    world.interrupt(lambda name, _: name == "journal.add_samples" and world.looks["v2"] == 2, fill_up)
    if restarted:
        with pytest.raises(Killed):
            world.carry_on(run)

    ended = world.carry_on(run)

    assert (ended.state, ended.exit_code) == (RunState.ROLLED_BACK, 12)
    assert world.live_tag == "v1"
    assert world.working_tags() == {"v1"}
    assert all(most == 1 for most in world.target.most_alive.values())


def test_a_window_that_ends_well_on_a_full_disk_is_accepted_when_there_is_room_again() -> None:
    world = with_v1()
    world.interrupt(
        lambda name, _: name == "journal.add_samples" and world.looks["v2"] == 5,
        lambda: setattr(world, "journal_down", True),
    )
    world.clock.in_s(3 * HOUR, lambda: setattr(world, "journal_down", False))

    run = world.deploy("v2")

    assert run.state is RunState.ACCEPTED
    assert world.clock.monotonic() > 3 * HOUR
    world.assert_serves("v2")


def test_what_retention_cannot_remove_pages_and_makes_the_release_no_worse() -> None:
    world = with_v1()
    accepted_prune = world.plan("v2").acceptance[-1].id
    world.break_step = accepted_prune

    run = world.deploy("v2")

    assert run.state is RunState.ACCEPTED
    [page] = world.events(run, "page")
    assert page.message == "retention could not be applied: it broke"


def test_a_clock_that_is_set_back_rolls_nothing_back() -> None:
    world = with_v1()
    world.clock.in_s(2000, lambda: world.clock.jump(-1500))

    assert world.deploy("v2").state in (RunState.ACCEPTED, RunState.INCONCLUSIVE)
    assert world.live_tag == "v2"


def _kill() -> None:
    raise Killed


def test_a_deployment_need_not_wait_for_a_watch_that_is_about_to_begin() -> None:
    world = with_v1(bad_after=0)
    world.deploy("v2")
    watch = world.journal.active_run("production")
    assert watch is not None and (watch.kind, watch.state) == ("monitor", RunState.QUEUED)

    run = world.begin(world.plan("v3"))

    assert world.journal.run(watch.id).state is RunState.SUPERSEDED
    assert world.carry_on(world.journal.run(watch.id)).state is RunState.SUPERSEDED, (
        "its runner comes too late"
    )
    assert world.carry_on(run).state is RunState.ACCEPTED


def test_what_the_gates_of_a_window_said_is_reported_when_it_ends() -> None:
    world = with_v1(bad_after=2)
    run = world.deploy("v2")

    assert run.exit_code == 12
    before, after = world.reports
    assert before[1] == {"window": "PASS"}
    assert after == (f"watch of {run.plan.release_id} in production", {"window": "FAIL"})
