"""Hosts that are lost, come back, or listen to somebody who was overtaken."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from adapters.fleet.agents import line_to
from journeys.hosts.fleet_service import HOSTS, Fleet, a_fleet, until
from mobius.errors import Fenced


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with a_fleet() as made:
        made.add_release("v1")
        made.mobius("deploy", "--tag", "v1", expect=0)
        made.add_release("v2")
        yield made


def test_a_host_that_is_not_reached_stops_a_deployment_before_anything_is_touched(fleet: Fleet) -> None:
    fleet.cut("web2")
    done = fleet.mobius("deploy", "--tag", "v2")
    assert done.code in (3, 4), str(done)
    assert "web2 is not reached" in done.out + done.err, str(done)
    assert "No route to host" in done.out + done.err
    assert fleet.answers() == {f"v1 {name}" for name in HOSTS}


def test_within_the_budget_a_lost_host_is_left_out_and_put_right_when_it_is_back() -> None:
    with a_fleet(fleet="failure_budget = 1") as fleet:
        for tag in ("v1", "v2", "v3"):
            fleet.add_release(tag)
        fleet.mobius("deploy", "--tag", "v1", expect=0)
        fleet.cut("web2")
        fleet.mobius("deploy", "--tag", "v2", expect=0)
        assert fleet.answers() == {"v2 web1", "v2 web3"}, (
            "the lost host still runs v1, and nobody is sent there"
        )
        assert any("v1" in one for one in fleet.runs("web2"))
        fleet.heal("web2")
        fleet.mobius("deploy", "--tag", "v3", expect=0)
        assert fleet.answers(20) == {f"v3 {name}" for name in HOSTS}
        assert all("v3" in one for one in fleet.runs("web2"))


def test_more_lost_hosts_than_the_budget_allows_stop_the_deployment() -> None:
    with a_fleet(fleet="failure_budget = 1") as fleet:
        for tag in ("v1", "v2"):
            fleet.add_release(tag)
        fleet.mobius("deploy", "--tag", "v1", expect=0)
        fleet.cut("web2")
        fleet.cut("web3")
        assert fleet.mobius("deploy", "--tag", "v2").code in (3, 4)
        assert fleet.answers() == {f"v1 {name}" for name in HOSTS}


def test_a_rollback_goes_on_without_the_host_that_is_not_reached(fleet: Fleet) -> None:
    fleet.mobius("deploy", "--tag", "v2", expect=0)
    fleet.cut("web3")
    done = fleet.mobius("rollback", "-e", "production", "--emergency")
    assert done.code in (0, 12), str(done)
    assert fleet.answers(20) <= {"v1 web1", "v1 web2"}, str(done)
    fleet.heal("web3")


def test_a_command_of_a_run_that_was_overtaken_is_refused_on_the_host(fleet: Fleet) -> None:
    root = fleet.host_root("web1")
    old = fleet.told("web1")["epoch"]
    fleet.mobius("deploy", "--tag", "v2", expect=0)
    before = fleet.runs("web1")
    late = line_to(root)
    with pytest.raises(Fenced):
        late.ask("stop", token=old, slot="green", kinds=[])
    late.close()
    assert fleet.runs("web1") == before


def test_a_deployer_that_is_killed_in_the_middle_is_carried_on(fleet: Fleet) -> None:
    running = fleet.start("deploy", "--tag", "v2")
    try:
        until(lambda: any("green/web" in one for one in fleet.runs("web1")), "the new release starts")
        os.kill(running.pid, signal.SIGKILL)
    finally:
        running.communicate(timeout=60)
    until(lambda: fleet.answers(6) == {f"v2 {name}" for name in HOSTS}, "the runner goes on by itself", 60)
