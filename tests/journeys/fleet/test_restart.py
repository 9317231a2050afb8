"""`mobius restart` under a real systemd: another configuration without a lost request, one worker where it runs."""

from __future__ import annotations

import pytest

from beds.host import Host
from journeys.fleet.test_systemd import asked_all_along, assert_never_two
from journeys.fleet.unit_service import UnitService

pytestmark = pytest.mark.fleet


@pytest.fixture
def service(host: Host) -> UnitService:
    made = UnitService(host)
    made.add_release("v1")
    made.install()
    return made


def environment_of(service: UnitService, unit: str) -> list[str]:
    environ = service.host.run(["cat", f"/proc/{service.pid(unit)}/environ"]).stdout
    return environ.split("\0")


def test_another_configuration_takes_over_and_goes_back_and_no_request_is_lost(service: UnitService) -> None:
    service.deploy("v1")
    service.mobius("accept")
    service.host.run(
        ["sed", "-i", 's/^env = .*/env = { GREETING = "hello" }/', f"{service.folder}/mobius.toml"]
    )

    with asked_all_along(service) as failed:
        service.mobius("restart", "--detach")
        assert "GREETING=hello" in environment_of(service, "mobius-probe-api@green.service")
        assert service.live() == "v1"
        service.mobius("rollback", "--yes")
        assert "GREETING=hello" not in environment_of(service, "mobius-probe-api@blue.service")
        assert service.live() == "v1"

    assert failed == []
    assert_never_two(service)


def test_one_worker_is_restarted_where_it_runs_and_nothing_else_is(service: UnitService) -> None:
    service.deploy("v1")
    web, worker = "mobius-probe-api@blue.service", "mobius-probe-mail@blue.service"
    before = service.pid(web), service.pid(worker)

    service.mobius("restart", "--process", "mail")

    assert service.pid(web) == before[0]
    assert service.pid(worker) not in (0, before[1])
    assert_never_two(service)
