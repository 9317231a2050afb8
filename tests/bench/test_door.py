"""The bench of the front door: its ratios are paired, and missing the goal is said."""

from __future__ import annotations

import pytest
from bench.door import HAPROXY, Front, Measured, judge


def front(name: str, *per_s: float) -> Front:
    return Front(name, 1, None, [Measured(one, 1.0, 10.0) for one in per_s])


def test_ratios_are_taken_within_each_round() -> None:
    # The machine was twice as slow in the second round, for both.
    assert front("door", 60, 30, 60).throughput_against(front(HAPROXY, 100, 50, 100)) == pytest.approx(0.6)


def test_a_missed_goal_is_said_with_its_number() -> None:
    fronts = [front("direct", 200), front(HAPROXY, 100), front("door", 40)]
    assert judge(fronts) == "FAILED: the door reaches 0.40 × HAProxy, the goal is 0.5"


def test_without_haproxy_there_is_no_goal_to_miss() -> None:
    assert judge([front("direct", 200), front("door", 10)]) is None


def test_the_goal_is_met_at_half() -> None:
    assert judge([front(HAPROXY, 100), front("door", 50)]) is None
