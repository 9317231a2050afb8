"""Three real hosts with sshd and systemd, HAProxy in front: rolled out, taken back, one of them lost."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.traffic.haproxies import WHY_NOT, Haproxy
from beds.bed import Bed
from beds.host import Host
from journeys.hosts.fleet_service import HOST, HOSTS, Fleet, Load, until
from mobius.config import load
from mobius.host.client import HostClient, HostRefused, HostUnavailable

pytestmark = pytest.mark.fleet
SSH = '#!/bin/sh\nexec /usr/bin/ssh -F %s "$@"\n'
PORT = 8001


class OnHosts(Fleet):
    """The same fleet, its hosts being machines of the bed."""

    machines: dict[str, Host]

    def close(self) -> None:
        try:
            HostClient(self.root).shutdown(stop_slots=True)
        except (HostUnavailable, HostRefused):
            pass


def made_on(bed: Bed, folder: Path, *, budget: int) -> OnHosts:
    machines = {name: bed.host(name) for name in HOSTS}
    config = folder / "ssh_config"
    config.write_text("\n".join(machine.ssh_config.read_text() for machine in machines.values()))
    rows = [
        HOST.format(name=name, address=machine.address, at=machine.address, port=PORT, roles='["web"]')
        for name, machine in machines.items()
    ]
    fleet = OnHosts(
        folder,
        ssh=SSH % config,
        hosts=rows,
        python="python3",
        window="5s",
        interval="500ms",
        fleet=f"failure_budget = {budget}",
        more='env = { BIND = "0.0.0.0" }',
    )
    fleet.machines = machines
    return fleet


@pytest.fixture
def fleet(bed: Bed) -> Iterator[OnHosts]:
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    folder = Path(tempfile.mkdtemp(prefix="mobius-fl-"))
    made = made_on(bed, folder, budget=1)
    try:
        settings = load(made.config, environ=os.environ).environment("production")
        with Haproxy(folder / "proxy", "shop", settings):
            made.add_release("v1")
            made.mobius("deploy", "--tag", "v1", expect=0)
            yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_rolling_deployment_with_slow_requests_loses_none(fleet: OnHosts) -> None:
    fleet.add_release("v2")
    with Load(fleet.url) as load_:
        fleet.mobius("deploy", "--tag", "v2", expect=0)
        assert fleet.answers() == {f"v2 {name}" for name in HOSTS}
        fleet.mobius("rollback", "-e", "production", "--yes", expect=0)
        assert fleet.answers() == {f"v1 {name}" for name in HOSTS}
    assert load_.failed == [], load_.failed[:5]
    assert load_.sent > 50


def test_a_bad_release_is_taken_back_on_all_hosts(fleet: OnHosts) -> None:
    fleet.add_release("v2", "fails")
    fleet.mobius("deploy", "--tag", "v2", expect=12)
    assert fleet.answers() == {f"v1 {name}" for name in HOSTS}


def test_a_host_that_loses_its_power_is_left_out_and_put_right_when_it_is_back(fleet: OnHosts) -> None:
    fleet.machines["web2"].crash()
    fleet.add_release("v2")
    fleet.mobius("deploy", "--tag", "v2", expect=0)
    until(lambda: fleet.answers() == {"v2 web1", "v2 web3"}, "the two others serve")
    assert "web2" in fleet.mobius("status").out
    fleet.machines["web2"].boot()
    fleet.add_release("v3")
    fleet.mobius("deploy", "--tag", "v3", expect=0)
    until(lambda: fleet.answers(20) == {f"v3 {name}" for name in HOSTS}, "all three serve")


def test_a_line_that_is_cut_while_a_release_is_rolled_out_leaves_one_release_serving(fleet: OnHosts) -> None:
    fleet.add_release("v2")
    running = fleet.start("deploy", "--tag", "v2")
    try:
        until(
            lambda: "start v2-" in (fleet.folder / "logs" / "deployment.log").read_text(),
            "it starts",
            60,
        )
        fleet.machines["web3"].cut()
        out, _ = running.communicate(timeout=180)
    finally:
        running.kill()
        fleet.machines["web3"].heal()
    releases = {answer.split()[0] for answer in fleet.answers()}
    assert len(releases) == 1, out
    assert releases == ({"v2"} if running.returncode == 0 else {"v1"}), out
