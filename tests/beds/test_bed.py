"""The bed keeps what its README promises."""

from __future__ import annotations

import pytest

from beds.host import Host
from beds.mobius import install_mobius

pytestmark = pytest.mark.fleet


@pytest.mark.sample
def test_a_host_boots_well(host: Host) -> None:
    assert host.state() == "running"
    assert host.run(["hostname"]).stdout == "host\n"


@pytest.mark.sample
def test_mobius_runs_there_for_root_and_for_the_deploy_user(host: Host) -> None:
    install_mobius(host)

    for user in ("root", "deploy"):
        assert host.run(["mobius", "--version"], user=user).stdout.startswith("mobius, version")
        assert host.ssh(["mobius", "--version"], user=user).stdout.startswith("mobius, version")
