from __future__ import annotations

import re
from typing import Any

import pytest

from mobius.model.sample import Sample
from mobius.report.charts import Span, binned, plots
from report import stories
from report.stories import NOON


def probe(at_s: float, ok: bool = True) -> Sample:
    return Sample("probe", NOON + at_s, ok=ok, value=5.0)


def traffic(at_s: float, requests: int, errors: int = 0, p95_ms: float = 30) -> Sample:
    return Sample(
        "traffic",
        NOON + at_s,
        requests=requests,
        errors=errors,
        histogram=stories.histogram(requests, p95_ms),
    )


def drawn(samples: list[Sample], **report: Any) -> dict[str, Any]:
    found, _, _ = plots(report, samples)
    return {plot.title: plot for plot in found}


def test_the_limit_stands_at_its_height_and_over_it_is_counted() -> None:
    samples = [traffic(second, 100, 6 if second > 5 else 0) for second in range(10)]
    plot = drawn(samples, policy={"max_error_rate_pct": 5.0}, window={"interval_s": 1})["Errors"]
    assert plot.limit == "limit 5 %"
    assert plot.top == "8 %"
    assert plot.limit_pct == 62.5
    assert plot.summary == "highest 6 %, last 6 %; over the limit in 4 of 10 intervals"
    assert 'class="limit" x1="0" x2="1000" y1="60.0" y2="60.0"' in plot.svg


def test_a_limit_far_above_the_curve_does_not_flatten_it() -> None:
    samples = [traffic(second, 100) for second in range(10)]
    plot = drawn(samples, policy={"max_p95_ms": 5000.0})["p95"]
    assert plot.limit == "limit 5,000 ms (above this plot)"
    assert plot.top in ("40 ms", "50 ms")


def test_a_blind_gap_is_a_gap_and_never_a_line() -> None:
    samples = [traffic(second, 100) for second in [*range(10), *range(40, 50)]]
    plot = drawn(samples, window={"interval_s": 1})["p95"]
    assert plot.svg.count('class="curve"') == 2


def test_without_traffic_the_probes_stand_in_for_latency_and_errors_are_not_drawn() -> None:
    found = drawn([probe(second) for second in range(5)])
    assert set(found) == {"p95", "Health checks"}
    assert found["p95"].summary == "highest 5 ms, last 5 ms"


def test_moments_too_close_for_a_phone_share_one_pin() -> None:
    report = {
        "switches": [{"to": "green", "at": {"unix": NOON}}, {"to": "blue", "at": {"unix": NOON + 99.5}}],
        "verdict": {"outcome": "FAIL", "at": {"unix": NOON + 99}},
        "rollback": {"decided": {"unix": NOON + 99.1}},
    }
    _, markers, axis = plots(report, [probe(second) for second in range(99)])
    assert [(m.label, m.pin) for m in markers] == [
        ("switch to green", "1"),
        ("verdict FAIL", "2–4"),
        ("rollback decided", ""),
        ("switch to blue", ""),
    ]
    assert [m.time for m in markers][1:] == ["12:01:39", "12:01:39", "12:01:39"]
    assert axis[-1].endswith(" UTC")


def test_a_failed_check_is_never_hidden_behind_good_ones() -> None:
    samples = [probe(second, ok=second != 3000) for second in range(7200)]
    plot = drawn(samples)["Health checks"]
    marks = re.findall(r'rect class="(\w+)"', plot.svg)
    assert len(marks) <= 241
    assert marks.count("bad") == 1
    assert plot.summary == "7,199 good, 1 failed, 0 not measured"


@pytest.mark.parametrize(("samples", "interval_s", "number"), [(10, 0, 120), (10, 1, 10), (1000, 1, 120)])
def test_the_stretches_are_no_shorter_than_the_interval(samples: int, interval_s: float, number: int) -> None:
    made = [traffic(second, 10) for second in range(samples)]
    bins = binned(made, Span(NOON, NOON + samples), interval_s)
    assert len(bins) == number
    assert sum(one.errors_pct is not None for one in bins) == min(samples, number)


def test_nothing_measured_draws_nothing() -> None:
    assert plots({}, []) == ([], [], [])


def test_the_requests_of_one_route_are_not_drawn_beside_all_of_them() -> None:
    bad = Sample("route:/a", NOON + 5, requests=50, errors=50, histogram=stories.histogram(50, 9000))
    with_route = [*(traffic(second, 100) for second in range(10)), bad]
    report = {"policy": {"max_error_rate_pct": 5.0}, "window": {"interval_s": 1}}

    assert drawn(with_route, **report) == drawn(with_route[:-1], **report)
