"""A service that was set up by hand is taken over under load, deployed, taken back, and given back as it was."""

from __future__ import annotations

import time

import pytest

from beds.host import Host
from journeys.fleet.running_service import PROJECT, SITE, RunningService, wait
from mobius.adapters.load import Load

pytestmark = pytest.mark.fleet

RELOAD_S = 3.0  # around a reload: what is lost in that time is the announced one's


@pytest.fixture
def service(host: Host) -> RunningService:
    return RunningService(host)


class Announced:
    """The times in which a reload was announced."""

    def __init__(self) -> None:
        self.times: list[tuple[float, float]] = []

    def __call__(self, began: float, ended: float) -> None:
        self.times.append((began, ended))

    def lost_elsewhere(self, load: Load) -> list[str]:
        return [
            f"{failure}"
            for failure in load.snapshot().lost
            if not any(began <= failure.started_s <= ended for began, ended in self.times)
        ]


def test_it_is_adopted_deployed_rolled_back_and_given_back_under_load(service: RunningService) -> None:
    before, pid, announced = service.files(), service.main_pid(), Announced()
    load = service.load()
    try:
        began = time.monotonic()
        service.mobius("adopt", "app", "--yes")
        announced(began, time.monotonic())
        assert (service.version(), service.main_pid()) == ("v1", pid)
        assert service.status()["live"]["tag"] == "v1"
        service.watch_quickly()

        service.mobius("deploy", "--tag", "v2")
        assert service.version() == "v2"
        assert service.host.state("app.service") == "inactive"

        service.mobius("deploy", "--tag", "bad3", expect=12)
        assert service.version() == "v2"

        began = time.monotonic()
        service.mobius("rollback", "--yes", "--to", "v1")
        cold_s = time.monotonic() - began
        assert (service.version(), service.host.state("app.service")) == ("v1", "active")
        assert cold_s <= 15, f"{cold_s:.1f} s"
        assert announced.lost_elsewhere(load) == []

        began = time.monotonic()
        service.mobius("adopt", "--undo", "--yes")
        wait(1)
        announced(began, time.monotonic())
    finally:
        report = load.stop()
    assert report.requests > 1000
    assert announced.lost_elsewhere(load) == []
    assert service.version() == "v1"
    assert service.files() == before
    service.host.run(["nginx", "-t"])
    assert "mobius" not in service.host.run(["systemctl", "list-unit-files", "--no-pager"]).stdout


@pytest.mark.sample
def test_it_is_adopted_twice_and_given_back_twice_and_nothing_is_left(service: RunningService) -> None:
    before, pid = service.files(), service.main_pid()
    listed = service.host.run(["ls", "-A", PROJECT]).stdout
    dry = service.mobius("adopt", "app", "--dry-run")
    assert "release 0" in dry.stdout and service.files() == before
    assert service.host.run(["ls", "-A", PROJECT]).stdout == listed
    for _ in range(2):
        service.mobius("adopt", "app", "--yes")
        assert service.version() == "v1"
        again = service.mobius("adopt", "app.service", "--yes")
        assert again.stdout.startswith("app.service is adopted already, since ")
        assert service.host.run(["systemctl", "is-enabled", "app"], check=False).stdout == "disabled\n"
        service.mobius("adopt", "--undo", "--yes")
        assert service.files() == before
        assert service.main_pid() == pid
    service.mobius("adopt", "--undo", "--yes", expect=2)
    assert service.version() == "v1"
    assert SITE in before
