"""The bench of rollbacks: it counts from typing the command to the last request on the bad release."""

from __future__ import annotations

import pytest
from bench.rollback import Temperature, judge

from mobius.adapters.load_report import Answers, Failure, FailureKind, LoadReport


def report(*failures: Failure) -> LoadReport:
    answers = Answers()
    for started, ended, release in [(9.0, 9.1, 0), (10.6, 10.7, 1), (10.65, 10.66, 0), (10.8, 10.9, 1)]:
        answers.append(started, ended, release)
    return LoadReport(8, 12, 0, failures, {"bad": 2, "old": 2}, answers, ("bad", "old"))


def test_the_time_ends_with_the_last_request_that_the_bad_release_got() -> None:
    warm = Temperature("warm")
    warm.add(10.0, 11.0, "old", "bad", report())
    assert warm.first_old_s == [pytest.approx(0.7)]
    assert warm.all_old_s == [pytest.approx(0.7)]
    assert warm.returned_s == [pytest.approx(1.0)]
    assert judge([warm]) == []


def test_a_slow_rollback_and_a_lost_request_are_both_said() -> None:
    warm = Temperature("warm")
    lost = Failure(10.3, 10.2, FailureKind.RESET, "GET", "/health", "reset")
    warm.add(9.5, 11.0, "old", "bad", report(lost))
    assert judge([warm]) == [
        "FAILED: warm took 1.20 s, the goal is 1 s",
        "FAILED: warm rollbacks lost 1 requests",
    ]
