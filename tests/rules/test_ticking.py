"""From the samples of a window to the figures of one look."""

from __future__ import annotations

import pytest

from mobius.model.policies import PRESETS
from mobius.model.sample import Sample
from mobius.model.settings import MonitorSettings
from mobius.model.verdict import Outcome, Verdict
from mobius.rules.ticking import Tally, binned

SO_FAR = Verdict(Outcome.INCONCLUSIVE, "so far so good", "", ())


def tally(*samples: Sample) -> Tally:
    made = Tally(PRESETS["adaptive"], MonitorSettings(interval_s=5.0), 0.0, 3600.0)
    made.add(samples)
    return made


def test_where_nobody_counts_requests_there_is_no_rate_of_them() -> None:
    tick = tally(Sample("probe", 5.0, ok=True, value=12.0)).tick(10.0, SO_FAR, {})
    assert tick.traffic["traffic"].requests_per_s is None
    assert tick.traffic["traffic"].p95_ms == 12.0, "of the probe"


def test_counters_that_cannot_be_read_are_no_traffic_of_none() -> None:
    unread = Sample("traffic", 5.0, missing="connection refused")
    assert tally(unread).tick(10.0, SO_FAR, {}).traffic["traffic"].requests_per_s is None


@pytest.mark.parametrize(("requests", "per_s"), [(0, 0.0), (40, 4.0)])
def test_what_was_counted_is_a_rate_also_where_nobody_asked(requests: int, per_s: float) -> None:
    counted = Sample("traffic", 5.0, requests=requests, histogram=(requests,))
    assert tally(counted).tick(10.0, SO_FAR, {}).traffic["traffic"].requests_per_s == per_s


def test_a_curve_of_requests_has_a_gap_where_nothing_was_counted() -> None:
    samples = [Sample("traffic", 1.0, requests=10), Sample("traffic", 21.0, requests=20)]
    parts = binned(samples, 0.0, 10.0, 3)
    assert [figures.requests_per_s for figures, _ in parts] == [1.0, None, 2.0]
