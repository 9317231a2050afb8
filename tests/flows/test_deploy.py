"""The deployment: its order, and what is left when any one of its steps fails."""

from __future__ import annotations

from typing import Any

import pytest

from mobius.adapters.checks.memory import bad, unknown
from mobius.errors import Locked, MobiusError
from mobius.flows.by_hand import abort
from mobius.model.release import ReleaseState
from mobius.model.run import RunState
from world import LIVE, SETTINGS, Script, World, tag_of, without_data


def with_v1(**changed: Any) -> World:
    world = World(**changed)
    assert world.deploy("v1").state is RunState.ACCEPTED
    return world


PLAN = with_v1().plan("v2")
FIRST_EFFECT = next(place for place, step in enumerate(PLAN.rollout) if step.effect)
BEFORE = [step.id for step in PLAN.rollout[:FIRST_EFFECT]]
AFTER = [step.id for step in PLAN.rollout[FIRST_EFFECT:]]


def test_a_deployment_goes_through_its_phases_in_the_planned_order() -> None:
    world = with_v1()

    run = world.deploy("v2")

    told = [e for e in world.journal.events(run_id=run.id) if e.kind in ("step begun", "step done")]
    planned = [step.id for step in (*run.plan.rollout, *run.plan.acceptance)]
    assert [event.data["step"] for event in told if event.kind == "step begun"] == planned
    assert [event.data["step"] for event in told if event.kind == "step done"] == planned
    assert [step.phase for step in run.plan.rollout] == [
        "gate",
        "stage",
        "backup",
        "verify",
        "rehearse",
        "start",
        "migrate",
        "start",
        "await healthy",
        "smoke",
        "switch",
        "drain",
        "workers",
        "workers",
        "record",
        "smoke",
    ]


def test_every_effect_lies_between_its_begun_and_its_done() -> None:
    world = with_v1()
    world.effects.clear()

    world.deploy("v2")

    depth = 0
    for effect in world.effects:
        depth += {"journal.begin": 1, "journal.done": -1}.get(effect, 0)
        assert depth in (0, 1)
        if effect.split(".")[0] in ("releases", "traffic", "backups", "migrations"):
            assert depth == 1, effect
    assert depth == 0


def test_a_deployment_tells_its_story_in_events() -> None:
    world = with_v1()

    run = world.deploy("v2")

    kinds = [event.kind for event in world.journal.events(run_id=run.id)]
    story = [kind for kind in kinds if not kind.startswith("step ") and kind != "so far"]
    assert story == [
        "run queued",
        "runner started",
        "run begun",
        "gate",
        "backup",
        "rehearsed",
        "smoke",
        "switched",
        "drained",
        "smoke",
        "window opened",
        "accepted",
    ]
    [switched] = world.events(run, "switched")
    assert switched.data["from"] == "blue" and switched.data["to"] == "green"
    assert world.events(run, "window opened")[0].data["deadline"] == run.window_deadline
    assert [row.topic for row in world.journal.outbox()][-3:] == ["started", "succeeded", "succeeded"]


def test_an_accepted_deployment_stops_the_old_release_and_keeps_the_new() -> None:
    world = with_v1()

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.ACCEPTED, 0)
    world.assert_serves("v2")
    assert world.web_tags() == {"v2"}
    assert world.state_of("v1") is ReleaseState.PREVIOUS
    assert world.artifacts.keys() == {"postdeploy-smoketests.log", "postdeploy-smoketests.xml"}


@pytest.mark.parametrize("step_id", BEFORE)
def test_a_failure_before_the_first_effect_is_a_refusal_that_touches_nothing(step_id: str) -> None:
    world = with_v1()
    there, moves = world.target.processes(), list(world.traffic.moves)
    world.break_step = step_id

    run = world.deploy("v2")

    assert run.state is RunState.REFUSED
    assert run.exit_code == 3
    assert world.target.processes() == there
    assert world.traffic.moves == moves
    assert world.migrations.done == {}
    world.assert_serves("v1")
    assert world.launcher.launched == [1, 2], "nobody watches what nobody touched"


@pytest.mark.parametrize("step_id", AFTER)
def test_a_failure_after_the_first_effect_is_taken_back(step_id: str) -> None:
    world = with_v1()
    plan = world.plan("v2")
    if "await-healthy" in step_id:
        world.target.dying_releases.add(plan.release_id)
    else:
        world.break_step = step_id

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert run.sentence, "it says why"
    world.assert_serves("v1")
    assert world.web_tags() == {"v1"}, "the candidate is stopped"
    assert world.state_of("v2") is ReleaseState.FAILED
    assert world.journal.outbox()[-1].topic == "rolled back"
    watch = world.journal.active_run("production")
    assert watch is not None and watch.kind == "monitor" and watch.plan.tag == "v1"
    assert world.carry_on(watch).state is RunState.ACCEPTED
    world.target.dying_releases.clear()
    assert world.deploy("v2").state is RunState.ACCEPTED, "and the next attempt works"
    world.assert_serves("v2")


def test_a_gate_that_says_no_is_exit_3_and_one_that_cannot_be_asked_is_exit_4() -> None:
    world = with_v1()
    world.gates["lint"] = bad("lint", "2 findings")
    said_no = world.deploy("v2")
    world.gates["lint"] = unknown("lint", "no such command")
    unasked = world.deploy("v2")

    assert (said_no.state, said_no.exit_code) == (RunState.REFUSED, 3)
    assert said_no.sentence == "the gate lint said no: 2 findings"
    assert (unasked.state, unasked.exit_code) == (RunState.REFUSED, 4)
    assert unasked.sentence == "the gate lint could not be asked: no such command"
    world.assert_serves("v1")


def test_a_refused_release_that_was_live_before_is_still_the_way_back() -> None:
    world = with_v1()
    world.deploy("v2")
    world.gates["lint"] = unknown("lint")
    world.break_step = "go-03-backup"
    world.gates.clear()

    assert world.deploy("v1").state is RunState.REFUSED

    assert world.state_of("v1") is ReleaseState.PREVIOUS
    world.assert_serves("v2")


def test_the_first_deployment_that_fails_leaves_nothing_live_and_the_next_one_works() -> None:
    world = World(scripts={"v1": Script(live_smoke=False)})

    run = world.deploy("v1")

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    world.assert_serves("")
    assert world.target.processes() == ()
    assert world.journal.active_run("production") is None, "there is nothing to watch"
    assert world.deploy("v2").state is RunState.ACCEPTED
    world.assert_serves("v2")


def test_a_service_without_data_or_workers_needs_no_backup_and_no_change_over() -> None:
    world = with_v1(settings=without_data())

    run = world.deploy("v2")

    assert run.state is RunState.ACCEPTED
    assert {step.phase for step in run.plan.rollout}.isdisjoint({"migrate", "workers"})
    assert world.live_tag == "v2"


def test_a_second_deployer_is_told_who_holds_the_environment() -> None:
    world = with_v1()
    world.begin(world.plan("v2"))

    with pytest.raises(Locked, match=r"locked by run 2 \(deploy v2, queued\): ann@box \(pid 4711\)"):
        world.begin(world.plan("v3"))


def test_a_deployment_in_an_open_window_supersedes_it_and_its_own_way_back_is_the_live_release() -> None:
    world = with_v1()
    world.clock.in_s(1800, lambda: world.begin(world.plan("v3")))

    second = world.deploy("v2")
    third = world.carry_on(world.journal.run(second.id + 1))

    assert second.state is RunState.SUPERSEDED
    assert third.state is RunState.ACCEPTED
    assert tag_of(third.plan.previous_id) == "v2"
    world.assert_serves("v3")
    assert world.web_tags() == {"v3"}


@pytest.mark.parametrize("turns_bad", [False, True])
def test_a_refused_deployment_gives_the_window_that_it_ended_back_with_its_way_back(turns_bad: bool) -> None:
    world = with_v1()
    world.clock.in_s(1800, lambda: world.begin(world.plan("v3")))
    second = world.deploy("v2")
    world.gates["lint"] = bad("lint")

    refused = world.carry_on(world.journal.run(second.id + 1))

    assert refused.state is RunState.REFUSED
    world.assert_serves("v2")
    watch = world.journal.active_run("production")
    assert watch is not None and watch.kind == "monitor" and watch.plan.tag == "v2"
    assert world.web_tags() == {"v1", "v2"}, "the way back is still warm"
    if turns_bad:
        world.scripts["v2"] = Script(bad_after=world.looks["v2"] + 2)
    ended = world.carry_on(watch)
    assert ended.state is (RunState.ROLLED_BACK if turns_bad else RunState.ACCEPTED)
    assert ended.window_deadline <= second.window_deadline + 60
    world.assert_serves("v1" if turns_bad else "v2")


def test_a_journal_that_cannot_be_written_refuses_a_deployment_with_nothing_touched() -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    there = world.target.processes()
    world.journal_down = True

    with pytest.raises(MobiusError, match="disk is full"):
        world.carry_on(run)

    world.journal_down = False
    assert world.target.processes() == there
    world.assert_serves("v1")


@pytest.mark.parametrize(
    "effect", ["target.start", "migrations.apply", "traffic.switch", "releases.point_to"]
)
def test_a_disk_that_fills_up_in_the_middle_takes_the_deployment_back(effect: str) -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))

    def fill_up() -> None:
        world.journal_down = world.disk_full = world.backups.disk_full = True

    world.interrupt(lambda name, _: name == effect, fill_up)
    ended = world.carry_on(run)

    assert (ended.state, ended.exit_code) == (RunState.ROLLED_BACK, 12)
    assert world.live_tag == "v1"
    assert world.working_tags() == {"v1"}
    assert tag_of(world.releases.current()[0]) == "v1"
    world.journal_down = world.disk_full = world.backups.disk_full = False
    assert world.journal.run(run.id).state is RunState.RUNNING, "the journal could not be told"
    closed = world.carry_on(abort(world.ports, who="ann"))
    assert closed.state is RunState.ROLLED_BACK
    world.assert_serves("v1")


def test_a_window_that_cannot_be_opened_takes_the_deployment_back() -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    world.interrupt(
        lambda name, args: name == "journal.move" and args[1] is RunState.OBSERVING,
        lambda: setattr(world, "journal_down", True),
    )

    ended = world.carry_on(run)

    assert ended.state is RunState.ROLLED_BACK
    assert world.live_tag == "v1"


def test_smoke_tests_run_in_the_slot_before_traffic_and_on_the_live_address_after() -> None:
    world = with_v1()

    run = world.deploy("v2")

    assert [event.data["when"] for event in world.events(run, "smoke")] == ["before traffic", "live"]
    assert world.settings.url == LIVE == SETTINGS.url


def test_smoke_tests_on_the_live_address_are_asked_once_more_before_they_count() -> None:
    world = with_v1()
    world.scripts["v2"] = Script(live_smoke=False)
    asked = 0

    def third_time(name: str, _: object) -> bool:
        nonlocal asked
        asked += name == "checks.smoke"
        return asked == 3

    world.interrupt(third_time, world.scripts.clear)

    run = world.deploy("v2")

    assert run.state is RunState.ACCEPTED
    told = [event.message for event in world.events(run, "smoke")]
    assert told[1] == "not all passed; once more in a second", "the first answer is not hidden"
