from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from mobius.model.baseline import Baseline, Block
from mobius.model.policies import CONSERVATIVE
from mobius.model.sample import BUCKETS, Sample
from mobius.rules.canary import Sides, is_over, needed_s

WINDOW_S = 3600.0


def traffic(per_s: float, errors: int = 3) -> Baseline:
    """Ten minutes of it, in blocks of half a minute; answers of 10 to 40 ms."""
    requests = round(per_s * 30)
    histogram = [0] * BUCKETS
    for bucket in range(11, 17):
        histogram[bucket] = requests // 6
    return Baseline.of([Block(requests, errors, tuple(histogram))] * 20, 30.0)


def test_more_traffic_and_a_larger_share_need_less_time() -> None:
    assert needed_s(traffic(100), 10, 50, WINDOW_S) < needed_s(traffic(20), 10, 50, WINDOW_S)
    assert needed_s(traffic(20), 20, 50, WINDOW_S) < needed_s(traffic(20), 5, 50, WINDOW_S)


def test_a_stage_of_a_tenth_of_a_hundred_requests_a_second_is_decided_in_minutes() -> None:
    assert 30 < needed_s(traffic(100), 10, 50, WINDOW_S) < 300


def test_without_known_traffic_nobody_can_foretell_anything() -> None:
    assert needed_s(None, 10, 50, WINDOW_S) == inf
    assert needed_s(Baseline.of([Block(0, 0, ())] * 20, 30.0), 10, 50, WINDOW_S) == inf


def test_both_sides_are_told_with_their_shares_and_without_what_came_before_the_stage() -> None:
    samples = [
        Sample("traffic", 5.0, requests=900, errors=900),
        Sample("traffic", 15.0, requests=310, errors=6),
        Sample("control", 15.0, requests=30_690, errors=31),
        Sample("control", 20.0, missing="a door did not answer"),
    ]
    sides = Sides.of(samples, 10.0)
    assert sides.words("v2", "v1") == "310 requests on v2, 30,690 on v1"
    assert sides.errors("v2", "v1") == "v2 1.9 % of 310 requests failed, v1 0.1 % of 30,690"


@pytest.mark.parametrize(
    ("requests", "errors", "over"), [(99, 99, False), (100, 5, False), (100, 6, True), (4000, 201, True)]
)
def test_a_stage_is_over_the_limit_as_soon_as_enough_requests_say_so(
    requests: int, errors: int, over: bool
) -> None:
    assert is_over(Block(requests, errors), CONSERVATIVE) is over
    assert not is_over(Block(requests, errors), replace(CONSERVATIVE, max_error_rate_pct=None))
