"""The score of a watch: counts, the interval, and when to rely on it."""

from __future__ import annotations

import pytest

from mobius.model.score import Fate, ScoredWindow
from mobius.rules.shadow import interval, score


def window(fate: Fate, alarm_at: float = 0.0, taken_back_at: float = 0.0) -> ScoredWindow:
    return ScoredWindow(1, "v1", 0.0, fate, alarm_at, taken_back_at=taken_back_at)


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 20, 0.0, 16.843), (1, 20, 0.127, 24.873), (3, 10, 6.674, 65.245), (10, 10, 69.150, 100.0)],
)
def test_the_interval_is_that_of_clopper_and_pearson(hits: int, of: int, low: float, high: float) -> None:
    found = interval(hits, of)
    assert found == pytest.approx((low, 100 * hits / of, high), abs=0.001)


def test_only_windows_whose_end_is_known_count() -> None:
    found = score([window(Fate.ACTED_ON, 5.0), window(Fate.UNKNOWN, 5.0), window(Fate.HEALTHY)])
    assert (found.healthy, found.false_alarms, found.taken_back) == (1, 0, 0)
    assert score([]).false_pct is None


def test_what_was_seen_after_the_person_was_not_seen_before() -> None:
    early, late = window(Fate.TAKEN_BACK, 10.0, 70.0), window(Fate.TAKEN_BACK, 80.0, 70.0)
    found = score([early, late, window(Fate.TAKEN_BACK, 0.0, 70.0)])
    assert (found.taken_back, found.seen, found.earlier_s) == (3, 1, (60.0,))


def test_twenty_healthy_windows_without_a_false_alarm_are_enough_to_arm_it() -> None:
    healthy = [window(Fate.HEALTHY)] * 19
    assert score(healthy).advice == "too early to say: 19 of 20 healthy windows"
    assert score([*healthy, window(Fate.HEALTHY)]).advice.startswith("arm the rollback: ")
    assert score([*healthy, window(Fate.HEALTHY, 5.0)]).advice.startswith("look at each false alarm first")
