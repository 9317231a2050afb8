"""Switches of a uvicorn-served release under load, over a 40 ms round trip: no client loses a request."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from journeys.service import Service
from journeys.switch.under_load import lost, under_load

pytestmark = pytest.mark.journey


@pytest.mark.parametrize(
    "switches",
    [4, pytest.param(20, marks=pytest.mark.slow), pytest.param(200, marks=pytest.mark.slow)],
)
def test_no_request_is_lost_in_so_many_switches(new_service: Callable[..., Service], switches: int) -> None:
    ground = under_load(new_service)
    try:
        ground.go_back_and_forth(switches)
    finally:
        report = ground.load.stop()
    assert lost(report) == []
    assert report.failures == ()
    counts = ground.service.host.counters()
    assert [switch for switch in counts.switches if switch.failed_because_of_switch] == []
    told = ground.service.journal("SELECT count(*) FROM events WHERE kind = 'switched'")
    assert told == [(switches + 1,)]
    print(f"{switches} switches, {report.requests} requests, {len(report.failures)} failed")
