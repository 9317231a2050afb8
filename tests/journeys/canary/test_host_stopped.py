"""The host is stopped and started in a stage, as over a reboot: both releases are there again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from journeys.canary.staged import TAKES_S, set_stages, staged, told
from journeys.service import Service, wait_until

pytestmark = [pytest.mark.journey, pytest.mark.slow]


def running(service: Service) -> dict[str, str]:
    """The release whose web process runs in each slot."""
    slots = service.host.status().slots
    return {
        name: slot.release.partition("-")[0]
        for name, slot in slots.items()
        if any(process.kind == "web" and process.state == "running" for process in slot.processes)
    }


def test_both_releases_of_a_stage_answer_again_after_the_host_was_stopped(
    new_service: Callable[..., Service],
) -> None:
    service = staged(new_service)
    set_stages(service, least="600s", most="900s")
    service.add_release("v2", takes_s=TAKES_S)
    service.mobius("deploy", "--tag", "v2", "--canary", "50", "--detach", expect=0)
    wait_until(lambda: told(service, "stage opened"), what="a stage")
    before = running(service)
    assert sorted(before.values()) == ["v1", "v2"]
    service.mobius("host", "stop", "--yes", expect=0)
    assert service.get()["code"] == 0

    started = service.mobius("host", "start", expect=0)

    assert "is live in" in started.out
    wait_until(lambda: running(service) == before, what="both releases to be ready")
    assert sorted(service.host.status().door.weights.values()) == [50, 50]  # type: ignore[union-attr]
    assert {service.get()["release"] for _ in range(20)} == {"v1", "v2"}
    [(state,)] = service.journal("SELECT state FROM runs ORDER BY id DESC LIMIT 1")
    assert state == "observing"
    service.mobius("abort", "--yes", expect=12)
    wait_until(lambda: service.status()["live"]["tag"] == "v1", what="v1 to be all there is")
    wait_until(lambda: {service.get()["release"] for _ in range(10)} == {"v1"}, what="all requests on v1")
