"""A canary: stages with a share of the requests each, ended by evidence, and one write back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from flows.staged import ALL_BLUE, ALL_GREEN, HALF, STAGED, TEN, in_the_first_stage, kill, with_v1
from mobius.errors import GateFailed, Locked, UsageError
from mobius.flows.by_hand import abort, accept_by_hand
from mobius.flows.carry_on import carry_on
from mobius.flows.disarm import disarm
from mobius.flows.status import status
from mobius.model.baseline import Baseline, Block
from mobius.model.policies import PRESETS
from mobius.model.run import Run, RunState
from mobius.model.settings import MigrationSettings
from mobius.report.run import run_report
from world import TITLES, Killed, World


def test_a_good_release_goes_through_its_stages_and_is_accepted() -> None:
    world = with_v1()

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.ACCEPTED, 0)
    assert world.traffic.moves == [ALL_BLUE, TEN, HALF, ALL_GREEN]
    world.assert_serves("v2")
    first, second = world.events(run, "stage")
    assert first.data["percent"] == 10
    assert first.data["seconds"] >= 60
    assert second.data["control_requests"] > 0
    assert "would have been found" in first.message


def test_the_workers_change_over_only_with_the_last_requests() -> None:
    world = with_v1()
    in_the_first_stage(world)
    assert world.working_tags() == {"v1"}
    assert world.web_tags() == {"v1", "v2"}


def test_a_bad_release_is_taken_back_from_its_first_stage_with_the_numbers_of_both() -> None:
    world = with_v1(errors=5)

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert world.traffic.moves == [ALL_BLUE, TEN, ALL_BLUE]
    world.assert_serves("v1")
    assert "in the stage of 10 %: v2 5.0 % of" in run.sentence
    assert "requests failed, v1 0 % of" in run.sentence
    journal = world.journal
    report = run_report(run, journal.steps(run.id), journal.events(run_id=run.id), journal.samples(run.id))
    assert report["received_traffic"] is True
    [rolled_back] = world.events(run, "rolled back")
    assert "v1" in rolled_back.message and "has all requests again" in rolled_back.message


def test_failing_checks_of_the_new_release_alone_end_a_stage() -> None:
    world = with_v1(bad_after=2)
    world.requests = 0

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert world.traffic.moves == [ALL_BLUE, TEN, ALL_BLUE]


def test_with_too_little_traffic_all_requests_go_back_and_a_person_is_called() -> None:
    world = with_v1()
    world.requests = 10

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 4)
    assert world.traffic.moves == [ALL_BLUE, TEN, ALL_BLUE]
    world.assert_serves("v1")
    page = world.events(run, "page")[0]
    assert "was not decided after 10 min" in page.data["sentence"]
    assert any("synthetic load" in choice for choice in page.data["choices"])
    assert any("--no-canary" in choice for choice in page.data["choices"])


def test_a_stage_in_which_nothing_can_be_measured_goes_back_and_is_no_fault_of_the_release() -> None:
    world = with_v1(blind_after=1)

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 4)
    world.assert_serves("v1")


def test_a_way_back_without_an_answer_ends_with_4_also_when_its_runner_iskilled_on_it() -> None:
    world = with_v1()
    world.requests = 0
    run = world.begin(world.plan("v2"))
    world.interrupt(lambda name, _: name == "traffic.drain", kill)
    with pytest.raises(Killed):
        world.carry_on(run)

    ended = world.carry_on(run)

    assert (ended.state, ended.exit_code) == (RunState.ROLLED_BACK, 4)
    world.assert_serves("v1")


def test_akilled_runner_carries_on_in_its_stage_with_what_was_seen() -> None:
    world = with_v1()
    run = in_the_first_stage(world, looks=3)
    before = len([s for s in world.journal.samples(run.id) if s.signal == "traffic"])

    ended = world.carry_on(run)

    assert ended.state is RunState.ACCEPTED
    assert world.traffic.moves == [ALL_BLUE, TEN, HALF, ALL_GREEN]
    first, (opened, _) = world.events(ended, "stage")[0], world.events(ended, "stage opened")
    after = [
        s
        for s in world.journal.samples(run.id)
        if s.requests == 100 and s.signal == "traffic" and s.at <= first.at
    ][before:]
    assert before == 2 and first.data["requests"] == 100 * (before - 1 + len(after))
    assert first.data["seconds"] == pytest.approx(first.at - opened.at, abs=0.1)


def test_the_window_after_a_canary_goes_on_with_its_evidence() -> None:
    world = with_v1(replace(STAGED, policy=replace(STAGED.policy, base="adaptive", name="adaptive")))
    run = world.deploy("v2")
    assert run.state is RunState.ACCEPTED
    signals = {sample.signal for sample in world.journal.samples(run.id)}
    assert {"traffic", "control", "probe"} <= signals


def test_a_newer_deployment_ends_the_canary_of_an_older_one_before_anything_else() -> None:
    world = with_v1()
    run = in_the_first_stage(world)

    newer = world.deploy("v3")

    assert newer.state is RunState.ACCEPTED
    assert world.journal.run(run.id).state is RunState.SUPERSEDED
    assert world.traffic.moves == [ALL_BLUE, TEN, ALL_BLUE, TEN, HALF, ALL_GREEN]
    world.assert_serves("v3")


def test_a_newer_deployment_that_is_refused_leaves_all_requests_to_the_live_release() -> None:
    world = with_v1()
    in_the_first_stage(world)
    world.releases.broken_builds.add("v3")

    newer = world.deploy("v3")

    assert (newer.state, newer.exit_code) == (RunState.REFUSED, 3)
    assert world.live_tag == "v1"
    assert world.traffic.weights() == ALL_BLUE


def test_a_rollback_in_a_stage_takes_the_canary_back_and_nothing_else() -> None:
    world = with_v1()
    run = in_the_first_stage(world)

    back = world.rollback()

    assert world.journal.run(run.id).state is RunState.SUPERSEDED
    assert back.plan.facts["warm"]
    assert world.traffic.moves == [ALL_BLUE, TEN, ALL_BLUE]
    world.assert_serves("v1")
    assert world.web_tags() == {"v1"}


def test_an_abort_in_a_stage_takes_the_canary_back() -> None:
    world = with_v1()
    run = in_the_first_stage(world)

    ended = world.carry_on(abort(world.ports, who="ann"))

    assert (ended.id, ended.state, ended.exit_code) == (run.id, RunState.ROLLED_BACK, 12)
    world.assert_serves("v1")


def test_a_stage_cannot_be_accepted() -> None:
    world = with_v1()
    in_the_first_stage(world)
    with pytest.raises(UsageError, match="10 %"):
        accept_by_hand(world.ports, who="ann")


def test_nobody_is_locked_out_of_a_stage_but_its_writes_are_locked() -> None:
    world = with_v1()
    run = world.begin(world.plan("v2"))
    held: list[tuple[int, bool]] = []
    world.interrupt(
        lambda name, _: name == "journal.add_samples", lambda: held.append((0, bool(world.lock.holder())))
    )
    world.interrupt(
        lambda name, args: name == "traffic.switch" and args[0] == HALF,
        lambda: held.append((50, bool(world.lock.holder()))),
    )
    world.carry_on(run)
    assert held == [(0, False), (50, True)]


def test_where_the_next_share_cannot_be_written_down_all_requests_go_back() -> None:
    world = with_v1()
    world.break_step = next(s.id for s in world.plan("v2").rollout if s.params.get("percent") == 50)

    run = world.deploy("v2")

    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12)
    assert world.traffic.weights() == ALL_BLUE
    world.assert_serves("v1")


def test_status_tells_what_both_releases_have_answered() -> None:
    world = with_v1()
    in_the_first_stage(world, looks=3)

    now = status(world.ports)

    assert now.live is not None and now.live.tag == "v1"
    assert now.run is not None
    assert now.run.sentence == "canary 10 %: 100 requests on v2, 900 on v1"
    assert now.way_back is not None and (now.way_back.to, now.way_back.loses) == ("v1", "nothing")


# The plan


def test_the_plan_says_stages_and_the_way_back_from_them() -> None:
    plan = with_v1().plan("v2")
    titles = [step.title for step in plan.rollout if step.phase == "canary"]
    assert titles == [
        "send 10 % of the requests to green",
        "watch both releases until enough was seen, at least 60 s, at most 600 s",
        "send 50 % of the requests to green",
        "watch both releases until enough was seen, at least 60 s, at most 600 s",
    ]
    [way] = [way for way in plan.ways_back if way.phase == "during the canary"]
    assert [step.action for step in way.steps][:3] == ["switch", "drain", "mark_live"]


def test_stages_are_part_of_the_hash_and_the_present_traffic_is_not() -> None:
    world = with_v1()
    before = world.plan("v2").hash
    assert world.plan("v2", canary=(5, 50)).hash != before
    assert world.plan("v2", canary=()).hash != before
    world.baselines = {"traffic": Baseline.of([Block(3000, 3, ())] * 20, 30.0)}
    assert world.plan("v2").hash == before


def test_the_plan_foretells_how_long_the_stages_take_at_the_present_traffic() -> None:
    world = with_v1()
    world.baselines = {"traffic": Baseline.of([Block(3000, 3, ())] * 20, 30.0)}
    [check] = [check for check in world.plan("v2").checks if check.name == "canary"]
    assert check.answer.startswith("10, 50, 100 %: about ")
    assert "at the present 100 requests/s" in check.answer


def test_the_plan_says_that_a_stage_would_not_be_decided_at_the_present_traffic() -> None:
    world = with_v1()
    world.baselines = {"traffic": Baseline.of([Block(6, 0, ())] * 20, 30.0)}
    [check] = [check for check in world.plan("v2").checks if check.name == "canary"]
    assert "would not be decided, and traffic would go back" in check.answer


def test_the_first_deployment_has_no_stages() -> None:
    world = World(STAGED)
    plan = world.plan("v1")
    assert not [step for step in plan.rollout if step.phase == "canary"]
    assert [check.answer for check in plan.checks if check.name == "canary"] == [
        "nothing is live to share requests with: all of them go to it at once"
    ]


def test_without_a_canary_all_requests_go_at_once() -> None:
    world = with_v1()
    plan = world.plan("v2", canary=())
    assert not [step for step in plan.rollout if step.phase == "canary"]
    assert plan.facts["without_stages"]


def test_traffic_that_cannot_be_shared_out_is_refused_with_what_to_do() -> None:
    world = with_v1()
    world.traffic.no_split = "nobody counts here"
    with pytest.raises(UsageError, match="there can be no canary: nobody counts here") as refused:
        world.plan("v2")
    assert "--no-canary" in refused.value.hint
    world.plan("v2", canary=())


def test_a_release_that_stops_for_its_migrations_can_have_no_canary() -> None:
    moves = MigrationSettings(database="data/app.db", hold_s=30.0)
    world = World(replace(STAGED, migrations=moves))
    world.deploy("v1")
    with pytest.raises(UsageError, match=f"v1 stops while {TITLES.name} is applied"):
        world.plan("v2")


def test_the_end_of_a_canary_is_no_secret_to_who_asks_for_the_lock() -> None:
    world = with_v1()
    run = in_the_first_stage(world)
    carried: list[Run] = []
    world.interrupt(
        lambda name, args: name == "traffic.switch" and args[0] == ALL_GREEN,
        lambda: carried.append(_locked(world)),
    )
    world.carry_on(run)
    assert carried


def _locked(world: World) -> Run:
    with pytest.raises((Locked, GateFailed)):
        world.begin(world.plan("v3"))
    return carry_on(1, world.ports)


def test_a_disarmed_stage_takes_nothing_for_bad_and_goes_back_when_its_time_is_over() -> None:
    world = with_v1(errors=20)
    run = in_the_first_stage(world)
    disarm(world.ports, for_s=3600.0, reason="the database moves", who="ann")

    ended = world.carry_on(run)

    assert (ended.state, ended.exit_code) == (RunState.ROLLED_BACK, 4)
    assert "was not decided after 10 min: disarmed" in ended.sentence
    world.assert_serves("v1")


def test_requests_that_failed_while_the_share_grew_are_counted_with_those_of_the_last_switch() -> None:
    world = with_v1()
    asked: list[int] = []
    count = world.traffic.failed_because_of_switches

    def failed(since: int = 0) -> int:
        asked.append(since)
        return count(since)

    world.traffic.failed_because_of_switches = failed  # type: ignore[method-assign]
    run = world.deploy("v2")
    first = next(step for step in run.plan.rollout if step.action == "split")
    done = {record.step_id: record.result for record in world.journal.steps(run.id)}
    assert asked == [done[first.id]["generation"]]


@pytest.mark.parametrize("name", ["conservative", "strict", "adaptive"])
def test_a_stage_is_looked_at_every_five_seconds_and_ended_by_evidence_whatever_the_policy(name: str) -> None:
    settings = replace(STAGED, policy=PRESETS[name])
    good = with_v1(settings)
    passed = good.deploy("v2")
    assert passed.state is RunState.ACCEPTED, passed.sentence
    opened = good.events(passed, "stage opened")[0].at
    looks = [s.at for s in good.journal.samples(passed.id) if s.signal == "traffic" and s.at > opened]
    assert looks[1] - looks[0] == pytest.approx(5.0, abs=0.5)

    bad = with_v1(settings, errors=5)
    taken_back = bad.deploy("v2")
    assert (taken_back.state, taken_back.exit_code) == (RunState.ROLLED_BACK, 12)
    assert "in the stage of 10 %" in taken_back.sentence


def test_each_look_of_a_stage_is_in_the_logs_of_the_monitor() -> None:
    world = with_v1()
    logged: list[tuple[float, str, Mapping[str, Any]]] = []
    ports = replace(world.ports, monitor_log=lambda *one: logged.append(one))

    carry_on(world.begin(world.plan("v2")).id, ports)

    stages = [one for one in logged if "percent" in one[2]]
    assert {one[2]["percent"] for one in stages} == {10, 50}
    assert len({opened_at for opened_at, _, _ in stages}) == 1
    _, line, figures = stages[0]
    assert line.startswith("canary 10 %: ")
    assert (
        figures["traffic"]["control"]["requests_per_s"] > figures["traffic"]["traffic"]["requests_per_s"] > 0
    )
    assert figures["left_s"] == pytest.approx(600.0, abs=10.0)


def test_a_runner_that_was_started_again_in_a_stage_waits_for_the_lock_as_long_as_it_takes() -> None:
    world = with_v1()
    run = in_the_first_stage(world)
    waited: list[float] = []
    with world.lock.held():
        began, wait = world.clock.monotonic(), world.clock.wait

        def let_go(seconds: float) -> None:
            wait(seconds)
            waited.append(world.clock.monotonic() - began)
            if waited[-1] > 60.0:
                raise Killed

        world.clock.wait = let_go  # type: ignore[method-assign]
        with pytest.raises(Killed):
            world.carry_on(run)
        world.clock.wait = wait  # type: ignore[method-assign]
    assert waited[-1] > 60.0

    assert world.carry_on(run).state is RunState.ACCEPTED
