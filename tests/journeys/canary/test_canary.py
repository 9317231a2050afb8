"""Deployments stage by stage, with real processes under load."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from journeys.canary.staged import TAKES_S, WEB, Browsers, set_stages, staged, told
from journeys.service import Service, wait_until
from journeys.switch.behind_haproxy import behind_haproxy
from journeys.switch.under_load import lost
from mobius.adapters.load import Load

pytestmark = [pytest.mark.journey, pytest.mark.slow]

PATIENT_S = 500.0


def test_a_good_release_goes_through_three_stages_and_no_request_fails(
    new_service: Callable[..., Service],
) -> None:
    service = staged(new_service)
    set_stages(service, most="150s")
    service.add_release("v2", takes_s=TAKES_S)
    with Load(service.url, paths=("/",), rate=100.0) as load, Browsers(service.url, 10) as browsers:
        done = service.mobius("deploy", "--tag", "v2", "--canary", "20,50,80", expect=0, timeout_s=PATIENT_S)
        report = load.snapshot()
    assert lost(report) == []
    assert report.failures == ()
    assert browsers.failed == []
    assert not [browser.seen for browser in browsers.all if browser.went_back]
    assert any("v2" in browser.seen for browser in browsers.all)
    stages = told(service, "stage")
    assert [stage["percent"] for stage in stages] == [20, 50, 80]
    for stage in stages:
        share = 100 * stage["requests"] / (stage["requests"] + stage["control_requests"])
        assert abs(share - stage["percent"]) < 8, stage
    assert "would have been found" in done.out
    assert service.get("/")["release"] == "v2"
    assert service.status()["live"]["tag"] == "v2"


def test_a_release_that_fails_one_request_in_twenty_is_gone_before_a_tenth_of_the_users_saw_it(
    new_service: Callable[..., Service],
) -> None:
    service = staged(new_service)
    service.add_release("v2", takes_s=TAKES_S, fails_every=20)
    with Load(service.url, paths=("/",), rate=150.0) as load:
        begun = dict(load.snapshot().by_release)
        done = service.mobius("deploy", "--tag", "v2", "--canary", "10,50", expect=12, timeout_s=PATIENT_S)
        report = load.snapshot()
    assert [stage["percent"] for stage in told(service, "stage opened")] == [10]
    [verdict] = told(service, "verdict")
    assert verdict["outcome"] == "FAIL"
    assert (
        "in the stage of 10 %: v2 " in verdict["sentence"]
        and "requests failed, v1 0 % of " in verdict["sentence"]
    )
    by_v2, by_v1 = report.by_release["v2"], report.by_release["v1"] - begun.get("v1", 0)
    assert by_v2 <= 0.12 * (by_v1 + by_v2), (by_v1, by_v2)
    assert service.get("/")["release"] == "v1"
    assert "has all requests again" in done.out


def test_with_too_little_traffic_nothing_is_left_half_done_and_the_exit_code_says_so(
    new_service: Callable[..., Service],
) -> None:
    service = staged(new_service)
    set_stages(service, most="4s")
    service.add_release("v2", takes_s=TAKES_S)
    done = service.mobius("deploy", "--tag", "v2", "--canary", "10", expect=4, timeout_s=PATIENT_S)
    assert "was not decided after" in done.out
    assert "--no-canary" in done.out
    assert service.get("/")["release"] == "v1"
    assert service.host.status().door.weights == {"blue": 100}  # type: ignore[union-attr]
    service.mobius("deploy", "--tag", "v2", "--no-canary", expect=0)


def test_status_says_how_far_it_is_and_a_rollback_ends_it_at_once(
    new_service: Callable[..., Service],
) -> None:
    service = staged(new_service)
    set_stages(service, least="60s", most="120s")
    service.add_release("v2", takes_s=TAKES_S)
    with Load(service.url, paths=("/",), rate=50.0):
        deployment = service.start("deploy", "--tag", "v2", "--canary", "20")
        wait_until(lambda: "canary 20 %" in str(service.status()["run"]["sentence"]), what="the canary")
        status = service.status()
        assert status["live"]["tag"] == "v1"
        assert status["way_back"]["to"] == "v1"
        refused = service.mobius("accept", expect=2)
        assert "cannot be accepted yet: canary 20 %" in refused.err
        service.mobius("rollback", "--yes", expect=0)
    service.finish(deployment)
    assert service.status()["live"]["tag"] == "v1"
    assert service.host.status().door.weights == {"blue": 100}  # type: ignore[union-attr]
    assert service.get("/")["release"] == "v1"


def test_haproxy_splits_by_its_weights(new_service: Callable[..., Service]) -> None:
    with behind_haproxy(window="1s", interval="500ms", alone=False, web=WEB) as (service, _):
        service.add_release("v1", takes_s=TAKES_S)
        service.mobius("deploy", "--tag", "v1", expect=0)
        set_stages(service)
        service.add_release("v2", takes_s=TAKES_S)
        plan = service.mobius("plan", "--tag", "v2", "--canary", "30", expect=0)
        assert "HAProxy splits by weight" in " ".join(plan.out.split())
        with Load(service.url, paths=("/",), rate=100.0) as load:
            service.mobius("deploy", "--tag", "v2", "--canary", "30", expect=0, timeout_s=PATIENT_S)
            report = load.snapshot()
        assert lost(report) == []
        [stage] = told(service, "stage")
        share = 100 * stage["requests"] / (stage["requests"] + stage["control_requests"])
        assert abs(share - 30) < 5, stage
        assert service.get("/")["release"] == "v2"
