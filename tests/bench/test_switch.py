"""The bench of switches: it must see a loss, and fail on one."""

from __future__ import annotations

import pytest
from bench.haproxy import HaproxyRuntime
from bench.live_socket import WAYS as LIVE_SOCKET_WAYS
from bench.switch import Outcome, arguments, judge, measure
from bench.ways import Door, RestartInPlace, Switch, Way

from mobius.adapters.load_report import Answers, Failure, FailureKind, LoadReport


def report(failures: tuple[Failure, ...] = ()) -> LoadReport:
    answers = Answers()
    for started, ended, release in [(0.1, 0.2, 0), (0.9, 1.2, 0), (1.01, 1.05, 1), (5.0, 5.1, 1)]:
        answers.append(started, ended, release)
    return LoadReport(0, 6, 0, failures, {"r0": 2, "r1": 2}, answers, ("r0", "r1"))


def lost(kind: FailureKind = FailureKind.CLOSED_EARLY, method: str = "POST") -> Failure:
    return Failure(1.1, 1.0, kind, method, "/", "closed after 0 bytes of the answer")


SWITCH = Switch("r0", "r1", began_s=0.5, called_s=1.0, returned_s=1.002, ended_s=1.5)


def test_the_times_of_a_switch_count_from_the_call() -> None:
    outcome = Outcome(RestartInPlace)
    outcome.add([SWITCH], report((lost(),)))
    assert outcome.first_new_ms == [pytest.approx(50)]
    assert outcome.old_until_ms == [pytest.approx(-100)]
    assert outcome.call_ms == [pytest.approx(2)]
    assert (outcome.lost_in_all, outcome.lost_posts, outcome.requests) == (1, 1, 5)


def test_one_lost_request_fails_a_way_that_claims_to_lose_none() -> None:
    outcome = Outcome(Door)
    outcome.add([SWITCH], report((lost(),)))
    assert judge([outcome]) == ["FAILED: door lost 1 in 1 switches"]


def test_a_control_that_lost_nothing_fails_the_bench() -> None:
    outcome = Outcome(RestartInPlace)
    outcome.add([SWITCH], report())
    assert judge([outcome]) == [
        "FAILED: restart-in-place lost nothing, so this run could not have seen a loss"
    ]


def test_an_error_of_a_release_is_not_counted_as_lost_but_fails_the_bench() -> None:
    outcome = Outcome(Door)
    outcome.add([SWITCH], report((Failure(1, 1, FailureKind.RELEASE, "GET", "/", "status 500", "r1"),)))
    assert outcome.lost_in_all == 0
    assert judge([outcome]) == ["FAILED: under door a release answered 1 errors itself"]


@pytest.mark.slow
@pytest.mark.journey
def test_a_restart_in_place_loses_requests_and_the_runtime_api_loses_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if reason := HaproxyRuntime.why_not():
        pytest.skip(reason)
    monkeypatch.setattr("sys.argv", ["switch", "--keepalive", "10", "--fresh", "3"])
    options = arguments()
    control, lossless = Outcome(RestartInPlace), Outcome(HaproxyRuntime)
    control.add(*measure(RestartInPlace, 1, options))
    lossless.add(*measure(HaproxyRuntime, 2, options))
    assert control.lost_in_all > 0
    assert judge([control, lossless]) == []


@pytest.mark.slow
@pytest.mark.journey
@pytest.mark.parametrize("way", LIVE_SOCKET_WAYS, ids=lambda way: way.name)
def test_a_rename_behind_a_proxy_loses_no_request(way: type[Way], monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := way.why_not():
        pytest.skip(reason)
    monkeypatch.setattr("sys.argv", ["switch", "--keepalive", "10", "--fresh", "3"])
    outcome = Outcome(way)
    outcome.add(*measure(way, 2, arguments()))
    assert judge([outcome]) == []
