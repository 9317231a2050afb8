"""The verdict that other machines poll: a yes only for a window that ended well, and doubt is never one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mobius.adapters.checks.memory import bad
from mobius.flows.by_hand import accept_by_hand
from mobius.flows.disarm import disarm
from mobius.flows.serve import Watchman
from mobius.model.run import ENDED, RunState
from mobius.model.verdict import Outcome
from mobius.report.words import iso
from mobius.web.verdict import ENDED_AS
from web.looking_at import Asked, held_against_before, live_world, with_open_window
from world import Script, World

VERDICT = "/api/v1/verdict"


def test_where_nothing_was_deployed_there_is_no_verdict() -> None:
    answer = Asked(World()).get(VERDICT)
    assert answer.status == 404
    assert json.loads(answer.body) == {
        "schema_version": 1,
        "error": "nothing was deployed or watched here yet",
        "hint": "mobius history -e production",
    }


def test_an_accepted_release_passes() -> None:
    told = Asked(live_world()).json(VERDICT)
    assert (told["outcome"], told["final"], told["tag"], told["state"]) == ("PASS", True, "v1", "accepted")
    assert told["sentence"].startswith("accepted by the window")
    assert (told["window_open"], told["left_s"], told["evidence"]) == (False, None, None)


def test_an_open_window_says_how_it_stands_and_how_long_is_left() -> None:
    world = live_world()
    run = with_open_window(world, "v2")
    told = Asked(world).json(f"{VERDICT}?environment=production&release=v2")
    assert (told["outcome"], told["final"], told["window_open"]) == ("INCONCLUSIVE", False, True)
    assert told["left_s"] == pytest.approx(run.window_deadline - world.clock.now(), abs=0.1)
    assert told["sentence"].startswith("so far so good: ")
    assert told["release"] == run.plan.release_id


def test_what_the_keeper_of_a_window_would_take_back_is_a_failure() -> None:
    world = live_world()
    world.scripts["v2"] = Script(bad_after=2)
    run = world.deploy("v2")
    assert run.state is RunState.ROLLED_BACK
    told = Asked(world).json(f"{VERDICT}?release=v2")
    assert (told["outcome"], told["final"]) == ("FAIL", True)
    assert told["sentence"] == "rolled back: errors 40 % of 100 requests (more than 5 %, over at least 100)"


def test_an_open_window_that_turned_bad_fails_before_anybody_acted() -> None:
    world = live_world()
    world.scripts["v2"] = Script(bad_after=1)
    world.settings = replace(world.settings, auto_rollback=False)
    with_open_window(world, "v2", looks=6)
    told = Asked(world).json(VERDICT)
    assert (told["outcome"], told["rule"], told["window_open"]) == ("FAIL", "failed_checks", True)


def test_a_shadow_says_that_nothing_is_done_about_what_it_finds() -> None:
    world = live_world()
    assert Asked(world).json(VERDICT)["shadow"] is False
    world.settings = replace(world.settings, monitor=replace(world.settings.monitor, shadow=True))
    with_open_window(world, "v2")
    assert Asked(world).json(VERDICT)["shadow"] is True


def test_a_blind_window_could_not_be_measured() -> None:
    world = live_world()
    world.scripts["v2"] = Script(blind_after=0)
    with_open_window(world, "v2", looks=6)
    assert Asked(world).json(VERDICT)["outcome"] == "ERROR"


def test_only_its_keeper_ends_a_window() -> None:
    world = live_world()
    with_open_window(world, "v2")
    world.clock.wait(100_000)
    told = Asked(world).json(VERDICT)
    assert (told["outcome"] == "PASS", told["final"], told["left_s"]) == (False, False, 0.0)


def test_the_evidence_is_that_of_the_keeper() -> None:
    world = live_world()
    held_against_before(world)
    world.scripts["v2"] = Script(errors=1)
    with_open_window(world, "v2", looks=10)
    told = Asked(world).json(VERDICT)
    assert told["threshold"] == pytest.approx(1250.0)
    assert 0 < told["evidence"] < told["threshold"]
    assert told["signals"] == [
        {"signal": "traffic", "evidence": told["evidence"], "threshold": told["threshold"]}
    ]


def test_a_window_that_nobody_looks_into_any_more_goes_blind() -> None:
    world = live_world()
    with_open_window(world, "v2", looks=2)
    asked = Asked(world)
    assert asked.json(VERDICT)["outcome"] == "INCONCLUSIVE"
    world.clock.wait(5000.0)
    told = asked.json(VERDICT)
    assert (told["outcome"], told["rule"]) == ("ERROR", "blind")


def test_a_disarmed_window_is_told() -> None:
    world = live_world()
    run = with_open_window(world, "v2")
    asked = Asked(world)
    disarm(world.ports, for_s=1800.0, reason="the disk is being changed", who="ann")
    told = asked.json(VERDICT)
    assert told["disarmed_until"] == iso(world.clock.now() - 1.5 + 1800.0)
    assert (told["run"], told["outcome"]) == (run.id, "INCONCLUSIVE")


def test_after_a_boot_the_window_goes_on_to_the_same_deadline() -> None:
    world = live_world()
    run = with_open_window(world, "v2")
    asked = Asked(world)
    world.clock.wait(600.0)
    Watchman(world.ports, asked.said.append).look()
    assert world.launcher.alive(run)
    told = asked.json(VERDICT)
    assert (told["window_open"], told["run"]) == (True, run.id)
    assert told["left_s"] == pytest.approx(run.window_deadline - world.clock.now(), abs=0.1)
    assert asked.json("/api/v1/status")["run"]["runner_alive"] is True


def test_what_a_person_accepts_passes() -> None:
    world = live_world()
    with_open_window(world, "v2")
    accept_by_hand(world.ports, who="ann@box")
    told = Asked(world).json(VERDICT)
    assert (told["outcome"], told["sentence"]) == ("PASS", "accepted by ann@box")


def test_the_health_of_what_came_back_says_nothing_for_what_was_taken_back() -> None:
    world = live_world()
    world.scripts["v2"] = Script(bad_after=1)
    assert world.deploy("v2").state is RunState.ROLLED_BACK
    newest = world.journal.runs("production")[0]
    assert (newest.kind, newest.plan.release_id) == ("monitor", world.releases.current()[0])
    for ended in (False, True):
        if ended:
            assert world.carry_on(newest).state is RunState.ACCEPTED
        told = Asked(world).json(VERDICT)
        assert (told["tag"], told["outcome"], told["final"]) == ("v2", "FAIL", True)
    assert Asked(world).json(f"{VERDICT}?release=v1")["outcome"] == "PASS"


def test_a_release_that_a_person_took_back_later_failed() -> None:
    world = live_world()
    assert world.deploy("v2").state is RunState.ACCEPTED
    assert Asked(world).json(VERDICT)["outcome"] == "PASS"
    back = world.rollback()
    for path in (VERDICT, f"{VERDICT}?release=v2"):
        told = Asked(world).json(path)
        assert (told["tag"], told["outcome"]) == ("v2", "FAIL")
        assert told["sentence"] == f"taken back by ann in run {back.id}"
    assert Asked(world).json(f"{VERDICT}?release=v1")["outcome"] == "PASS"


def test_a_refused_release_fails_although_the_one_before_passed() -> None:
    world = live_world()
    world.gates["lint"] = bad("lint", "line 3 is wrong")
    assert world.deploy("v2").state is RunState.REFUSED
    told = Asked(world).json(VERDICT)
    assert (told["tag"], told["outcome"], told["window_open"]) == ("v2", "FAIL", False)


def test_another_environment_or_release_is_not_answered_for() -> None:
    asked = Asked(live_world())
    other, unknown = asked.get(f"{VERDICT}?environment=staging"), asked.get(f"{VERDICT}?release=v9")
    assert (other.status, unknown.status) == (404, 404)
    assert json.loads(other.body)["error"] == "this answers for production alone"
    assert json.loads(unknown.body)["error"] == "no run is about this release"


@pytest.mark.parametrize(
    ("require", "is_bad", "status"),
    [
        ("pass", False, 200),
        ("pass", True, 409),
        ("fail", True, 200),
        ("fail", False, 409),
        ("no-alarm", True, 409),
    ],
)
def test_whoever_sees_the_status_code_only_says_what_it_takes(
    require: str, is_bad: bool, status: int
) -> None:
    world = live_world()
    if is_bad:
        world.scripts["v2"] = Script(bad_after=1)
        world.deploy("v2")
    assert Asked(world).get(f"{VERDICT}?require={require}").status == status


def test_a_webhook_goes_on_without_an_alarm_and_stops_with_one() -> None:
    world = live_world()
    with_open_window(world, "v2")
    body = json.dumps({"name": "x", "phase": "Progressing", "metadata": {"environment": "production"}})
    assert Asked(world).get(VERDICT, method="POST", body=body.encode()).status == 200
    confirm = json.dumps({"metadata": {"require": "pass", "release": "v2"}}).encode()
    assert Asked(world).get(VERDICT, method="POST", body=confirm).status == 409
    nonsense = json.dumps({"metadata": {"require": "everything"}}).encode()
    assert Asked(world).get(VERDICT, method="POST", body=nonsense).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b'{"metadata": {"release": "v9", "require": "pass"}',
        b"[]",
        b'"v9"',
        b'{"metadata": ["v9"]}',
        b'{"metadata": {"release": ["v9"]}}',
        b'{"metadata": {"release": null}}',
        b'{"metadata": {"release": ""}}',
        b"[" * 50_000,
        b"release=v9&require=pass",
    ],
)
def test_a_webhook_that_is_not_understood_is_not_told_to_go_on(body: bytes) -> None:
    assert Asked(live_world()).get(VERDICT, method="POST", body=body).status == 400


@pytest.mark.parametrize("body", [b"", b"{}", b'{"metadata": null}', b'{"metadata": {"team": 7}}'])
def test_a_webhook_may_say_nothing_of_ours(body: bytes) -> None:
    assert Asked(live_world()).get(VERDICT, method="POST", body=body).status == 200


@pytest.mark.parametrize("query", ["release=", "require=", "relase=v9", "release=v1&foo=1", "environment="])
def test_a_question_that_is_not_understood_is_not_answered_for_another_release(query: str) -> None:
    answer = Asked(live_world()).get(f"{VERDICT}?{query}")
    assert answer.status == 400
    assert json.loads(answer.body)["hint"]


def test_every_way_to_end_has_an_outcome_and_only_one_of_them_is_a_pass() -> None:
    assert set(ENDED_AS) == ENDED
    assert [state for state, outcome in ENDED_AS.items() if outcome is Outcome.PASS] == [RunState.ACCEPTED]
