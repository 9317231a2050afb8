"""Deployments under a real systemd, in a host of the bed: by a user without rights, from the first to the way back."""

from __future__ import annotations

import pytest

from beds.host import Host
from journeys.fleet.unit_service import UnitService

pytestmark = pytest.mark.fleet


@pytest.fixture
def service(host: Host) -> UnitService:
    made = UnitService(host)
    made.add_release("v1")
    made.add_release("v2")
    made.install()
    return made


@pytest.mark.sample
def test_a_deploy_user_deploys_and_goes_back_under_systemd(service: UnitService) -> None:
    service.deploy("v1")
    assert service.live() == "v1"
    service.deploy("v2")
    assert service.live() == "v2"
    service.mobius("rollback", "--yes")
    assert service.live() == "v1"
