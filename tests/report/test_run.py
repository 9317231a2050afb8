from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mobius.model.policies import CONSERVATIVE
from mobius.model.run import Event, Run, RunState, StepRecord
from mobius.model.sample import Sample
from mobius.report.run import run_report
from mobius.report.summary import facts
from report import stories
from report.stories import HASH, NOON, SENTENCE


def whole() -> dict[str, Any]:
    return run_report(stories.run(), stories.STEPS, stories.events(), stories.samples())


def brief(run: Run, *events: Event) -> dict[str, Any]:
    return run_report(run, (), events)


def event(at_s: float, kind: str, message: str = "", **data: Any) -> Event:
    return Event(1, 7, NOON + at_s, kind, message, data)


def test_the_report_says_what_happened_in_its_first_sentence() -> None:
    report = whole()
    assert report["headline"] == (
        "v3 was taken back; v2 is live in production, with all traffic back 58 ms after the decision."
        " No request failed because of the switches."
    )
    assert report["outcome"] == "unsure"
    assert report["kind"] == "rollback report"


def test_the_report_is_json_and_names_release_lead_plan_and_exit_code() -> None:
    report = json.loads(json.dumps(whole()))
    wanted = {
        "schema_version": 1,
        "service": "dhash",
        "environment": "production",
        "run": 7,
        "state": "rolled back",
        "exit_code": 12,
        "sentence": SENTENCE,
        "tag": "v3",
        "release": "v3-4f2c91a",
        "release_before": "v2-77aa01b",
        "release_after": "v2-77aa01b",
        "lead": "ada",
        "plan_hash": HASH,
        "seconds": 142.7,
        "failed_requests": 0,
        "next": {"why": "find out why", "command": "mobius logs -e production --slot green"},
    }
    assert {key: report[key] for key in wanted} == wanted
    assert report["started"] == {"unix": NOON, "iso": "2026-11-20T12:00:00Z"}


def test_the_timeline_has_every_step_with_its_time_and_its_way() -> None:
    timeline = whole()["timeline"]
    assert [(row["title"], row["seconds"], row["way"], row["outcome"]) for row in timeline][-3:] == [
        ("let requests in flight on blue finish", 0.8, "forward", "done"),
        ("move traffic from green to blue", 0.009, "back", "done"),
        ("stop v3 in slot green", 1.2, "back", "done"),
    ]


def test_a_step_that_failed_or_was_cut_off_is_told_apart() -> None:
    first, second = stories.ROLLOUT[0].id, stories.ROLLOUT[1].id
    steps = (
        StepRecord(7, first, 1, NOON, 0.0, failed="npm: not found"),
        StepRecord(7, second, 2, NOON + 1),
        StepRecord(7, "of an older plan", 1, NOON + 2, NOON + 3),
    )
    rows = run_report(stories.run(RunState.RUNNING), steps, ())["timeline"]
    assert [(r["title"], r["outcome"], r["failed"], r["attempt"]) for r in rows] == [
        ("lay out and build release v3", "failed", "npm: not found", 1),
        ("take a backup of code, configuration and data", "begun, not known to be done", "", 2),
        ("of an older plan", "done", "", 1),
    ]


def test_the_window_is_summed_up_from_its_samples() -> None:
    window = whole()["window"]
    assert {
        key: window[key] for key in ("checks", "failed_checks", "not_measured", "requests", "policy")
    } == {
        "checks": 118,
        "failed_checks": 3,
        "not_measured": 1,
        "requests": 11_900,
        "policy": "conservative",
    }
    assert window["errors"] == sum(s.errors for s in stories.samples())


def test_the_rollback_tells_when_it_was_decided_and_when_traffic_was_back() -> None:
    rollback = whole()["rollback"]
    assert rollback["way"] == "code alone"
    assert rollback["because"] == SENTENCE
    assert rollback["decided"]["unix"] == NOON + 141.05
    assert rollback["traffic_back_s"] == 0.058
    assert rollback["seconds"] == 1.55


def test_backup_switches_smoke_tests_and_verdict_are_there() -> None:
    report = whole()
    assert report["backup"]["name"] == stories.ARCHIVE
    assert report["backup"]["rehearsal"]["restore_s"] == 3.1
    assert [(s["from"], s["to"], s["took_ms"]) for s in report["switches"]] == [
        ("blue", "green", 12.0),
        ("green", "blue", 9.0),
    ]
    assert [one["name"] for one in report["smoke"][0]["results"]] == ["health", "database"]
    assert report["verdict"]["rule"] == "error rate"
    assert report["policy"]["max_error_rate_pct"] == 5.0
    assert report["audit_head"] == stories.events()[-1].hash


def test_the_policy_that_was_used_can_be_given() -> None:
    changed = replace(CONSERVATIVE, max_error_rate_pct=2.0)
    report = run_report(stories.run(), (), (), policy=changed, version_markers={"current": "v2-77aa01b"})
    assert report["policy"]["max_error_rate_pct"] == 2.0
    assert report["version_markers"] == {"current": "v2-77aa01b"}


def test_requests_lost_while_draining_are_counted_once() -> None:
    lost = (
        event(1, "switched", to="green", failed_requests=0),
        event(2, "drained", slot="blue", cut=2, failed_requests=2),
    )
    run = replace(stories.run(RunState.ACCEPTED), sentence="accepted by ada")
    report = brief(run, *lost)
    assert report["failed_requests"] == 2
    assert report["headline"] == (
        "v3 is live in production, accepted by ada. 2 requests failed because of the switch."
    )


def rolled_back_early() -> tuple[Run, Event]:
    """The way back before traffic also writes a switch: to where traffic has been all the time."""
    return stories.run(), event(1, "switched", to="blue", failed_requests=0)


def test_a_release_that_never_received_traffic_is_not_said_to_have() -> None:
    run, stays = rolled_back_early()
    report = brief(run, event(0.5, "rollback begun", way="code alone", because="never healthy"), stays)
    assert report["headline"] == ("v3 was taken back before it received traffic; v2 is live in production.")
    assert report["release_after"] == "v2-77aa01b"


@pytest.mark.parametrize(
    ("state", "headline", "outcome"),
    [
        (RunState.QUEUED, "v3 is on its way to production.", "running"),
        (RunState.RUNNING, "v3 is on its way to production.", "running"),
        (RunState.OBSERVING, "v3 is live in production and being watched.", "running"),
        (RunState.ROLLING_BACK, "v3 is being taken back in production.", "running"),
        (RunState.NEEDS_OPERATOR, "v3 in production waits for a person to choose.", "bad"),
        (RunState.ACCEPTED, "v3 is live in production and accepted.", "good"),
        (RunState.REFUSED, "v3 was refused before anything was changed; v2 is live in production.", "unsure"),
        (
            RunState.SUPERSEDED,
            "v3 was replaced by a newer run in production before its window ended.",
            "unsure",
        ),
        (RunState.ABORTED, "The deployment of v3 in production was aborted.", "unsure"),
        (
            RunState.INCONCLUSIVE,
            "v3 is live in production, but too little was measured to accept it; v2 is kept warm.",
            "unsure",
        ),
        (RunState.FAILED, "Taking v3 back in production failed: a person is needed now.", "bad"),
    ],
)
def test_every_state_has_its_headline(state: RunState, headline: str, outcome: str) -> None:
    report = brief(stories.run(state))
    assert (report["headline"], report["outcome"]) == (headline, outcome)
    assert report["next"]["command"].startswith("mobius ")


def test_a_rollback_by_a_person_is_told_from_its_own_side() -> None:
    plan = replace(
        stories.PLAN,
        kind="rollback",
        tag="v2",
        release_id="v2-77aa01b",
        previous_id="v3-4f2c91a",
        slot="blue",
        previous_slot="green",
    )
    run = replace(stories.run(RunState.ACCEPTED), kind="rollback", plan=plan)
    report = brief(
        run,
        event(0, "rollback begun", way="code alone", to="v2-77aa01b", because="asked for", decided_at=NOON),
        event(0.4, "switched", to="blue", failed_requests=0),
    )
    assert report["kind"] == "rollback report"
    assert report["release_after"] == "v2-77aa01b"
    assert report["headline"] == (
        "v2 is live in production again, with all traffic back 0.4 s after the decision."
        " No request failed because of the switch."
    )


def test_watching_what_came_back_names_the_release_that_is_watched() -> None:
    plan = replace(stories.PLAN, kind="monitor", release_id="v2-77aa01b", previous_id="", slot="blue")
    run = replace(stories.run(RunState.OBSERVING), kind="monitor", plan=plan)
    assert brief(run)["headline"] == "v2-77aa01b is live in production and being watched."


def test_progress_lines_are_left_out_of_the_list_of_events() -> None:
    report = brief(stories.run(), event(1, "so far", "so far so good"), event(2, "accepted", by="ada"))
    assert [(one["kind"], one["message"]) for one in report["events"]] == [("accepted", "accepted by ada")]


def test_live_again_is_not_the_same_as_well() -> None:
    answers = [{"name": "health", "outcome": "FAIL", "message": "[status == 200] was 502"}]
    report = brief(
        stories.run(),
        event(1, "switched", to="green", failed_requests=0),
        event(5, "rollback begun", way="code alone", to="v2-77aa01b", because="errors", decided_at=NOON + 5),
        event(5.1, "switched", to="blue", failed_requests=0),
        event(6, "smoke", when="live", results=answers),
    )
    assert report["headline"].endswith(" But its smoke tests do not pass: look now.")
    assert report["outcome"] == "bad"


def test_an_emergency_backup_is_never_taken_for_the_one_that_was_rehearsed() -> None:
    report = brief(
        stories.run(),
        event(1, "backup", name="dhash_1.zip", size_bytes=10),
        event(2, "rehearsed", restore_s=3.0),
        event(9, "backup", name="emergency_2.zip", size_bytes=20),
    )
    assert (report["backup"]["name"], report["backup"]["rehearsal"]["restore_s"]) == ("dhash_1.zip", 3.0)
    assert report["emergency_backup"]["name"] == "emergency_2.zip"


def test_requests_of_critical_routes_are_not_counted_a_second_time() -> None:
    samples = (
        Sample("traffic", NOON, requests=100, errors=4, histogram=stories.histogram(100, 40)),
        Sample("route:/api/render", NOON, requests=60, errors=4, histogram=stories.histogram(60, 40)),
    )
    window = run_report(stories.run(), stories.STEPS, stories.events(), samples)["window"]

    assert (window["requests"], window["errors"], window["errors_pct"]) == (100, 4, 4.0)
    assert window["routes"] == [
        {"route": "/api/render", "requests": 60, "errors": 4, "errors_pct": 6.6667, "p95_ms": 44.4}
    ]


def test_requests_that_waited_while_the_schema_moved_are_told_apart_from_those_of_the_way_back() -> None:
    forward = {"seconds": 4.0, "waited": 12, "turned_away": 0}
    back = {"seconds": 2.0, "waited": 3, "turned_away": 1}
    held = event(10.0, "held", **forward)
    begun = event(20.0, "rollback begun", way="down", to="v2-77aa01b", because="bad")

    whole = brief(stories.run(), held, begun, event(22.0, "held", **back))
    so_far = brief(stories.run(), held)

    assert {name: whole["held"][name] for name in forward} == forward
    assert {name: whole["rollback"]["held"][name] for name in back} == back
    assert so_far["held"]["waited"] == 12 and so_far["rollback"] is None


def test_what_users_reported_in_the_window_is_in_the_report() -> None:
    issue = Sample("issue", NOON + 60, ok=False, note="no sound in previews")
    report = run_report(stories.run(), stories.STEPS, stories.events(), (*stories.samples(), issue))
    [told] = report["window"]["issues"]
    assert (told["text"], told["at"]["unix"]) == ("no sound in previews", NOON + 60)
    assert ("Reported", "no sound in previews") in facts(report)
