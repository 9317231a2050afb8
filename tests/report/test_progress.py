"""The line of an open window: each request once, also where a route is counted by itself."""

from __future__ import annotations

from mobius.model.sample import Sample
from mobius.report.progress import Progress
from report import stories


def test_requests_of_a_critical_route_are_not_added_to_all_of_them() -> None:
    whole = Sample("traffic", 10.0, requests=100, errors=1, histogram=stories.histogram(100, 40))
    route = Sample("route:/api/render", 10.0, requests=60, errors=1, histogram=stories.histogram(60, 9000))
    plain, routed = Progress(60.0), Progress(60.0)
    plain.add(whole)
    routed.add(whole)
    routed.add(route)

    assert routed.words(20.0, 120) == plain.words(20.0, 120)
    assert "100 requests" in plain.words(20.0, 120)
