"""A bad release under load: taken back by itself, the way back stays warm, and later a cold one works, too."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from journeys.service import Service, wait_until
from journeys.switch.under_load import lost, under_load
from mobius.model.run import RunState

pytestmark = pytest.mark.journey

COLD_S = 60.0  # the mission's limit for a rollback without data is ten minutes; a loaded machine is slow


def test_a_bad_release_comes_back_by_itself_and_loses_nothing(new_service: Callable[..., Service]) -> None:
    ground = under_load(new_service)
    ground.service.add_release("bad", errors_after_s=4.0)
    try:
        run = ground.app.deploy("production", "bad")
        ground.see_more_of("v1", 100)
    finally:
        report = ground.load.stop()
    assert (run.state, run.exit_code) == (RunState.ROLLED_BACK, 12), run.sentence
    assert "error" in run.sentence
    assert lost(report) == []
    assert report.errors_by_release.keys() == {"bad"}
    events = {event.kind: event.at for event in ground.app.journal("production").events(run_id=run.id)}
    assert events["switched"] - events["rollback begun"] < COLD_S
    assert ground.service.get()["release"] == "v1"
    status = ground.service.status()
    assert (status["live"]["tag"], status["warnings"]) == ("v1", [])


@pytest.mark.slow
def test_the_old_release_stays_warm_through_the_window_and_comes_back_cold_later(
    new_service: Callable[..., Service],
) -> None:
    ground = under_load(new_service, window="3s")
    try:
        ground.app.deploy("production", "v2", detach=True)
        assert _running(ground.service) == {"v1", "v2"}
        wait_until(
            lambda: ground.app.journal("production").runs("production", 1)[0].ended, what="the window ends"
        )
        assert _running(ground.service) == {"v2"}
        began = time.monotonic()
        run = ground.app.rollback("production")
        took_s = time.monotonic() - began
        ground.see_more_of("v1")
    finally:
        report = ground.load.stop()
    assert run.exit_code == 0, run.sentence
    assert took_s < COLD_S
    assert lost(report) == []
    assert report.failures == ()
    print(f"cold rollback: {took_s:.1f} s, {report.requests} requests, 0 failed")


def _running(service: Service) -> set[str]:
    slots = service.host.status().slots.values()
    return {
        slot.release.split("-")[0]
        for slot in slots
        for process in slot.processes
        if process.state == "running"
    }
