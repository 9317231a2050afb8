"""What an operator reads while a fleet is in trouble: who was left out, and what is live when the journal is away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.many_hosts import HOSTS, ON_HOSTS, FleetWorld, HostsTarget
from mobius.errors import MobiusError
from mobius.flows.plan_return import plan_rollback
from mobius.flows.status import status
from mobius.model.fleet import HostSeen
from mobius.model.run import RunState
from mobius.model.settings import ProcessSettings
from mobius.ports import Ports


class Losing(HostsTarget):
    """`lost`: goes away while the next release is started, within the failure budget."""

    lost = ""

    def start(self, slot: str, release_id: str, cwd: Path, processes: Sequence[ProcessSettings]) -> None:
        if self.lost:
            self.leave_out({self.lost: f"{self.lost} is not reached: no answer in time"})
        super().start(slot, release_id, cwd, processes)

    def hosts(self) -> tuple[HostSeen, ...]:
        return tuple(HostSeen(host, host not in self.out, self.out.get(host, "")) for host in HOSTS)


class Away:
    """A journal that cannot be reached."""

    def __getattr__(self, _: str) -> Callable[..., Any]:
        def ask(*_: object, **__: object) -> Any:
            raise MobiusError("the journal in postgres on db1 cannot be reached", "see whether it runs")

        return ask


@pytest.fixture
def world() -> FleetWorld:
    made = FleetWorld(ON_HOSTS)
    made.target = Losing(budget=1)
    made.traffic._target = made.target
    assert made.deploy("v1").state is RunState.ACCEPTED
    return made


def without_journal(world: FleetWorld) -> Ports:
    ports = world.ports
    away: Any = Away()
    return replace(ports, journal=away)


def test_a_deployment_that_goes_on_without_a_host_says_so_once_and_somebody_is_told(
    world: FleetWorld,
) -> None:
    world.target.lost = "web2"  # type: ignore[attr-defined]
    run = world.deploy("v2")
    assert run.state is RunState.ACCEPTED
    (told,) = world.events(run, "hosts left out")
    assert told.message == "going on without web2: web2 is not reached: no answer in time"
    assert told.data["hosts"] == ["web2"]
    assert told.data["choices"] == ["once it is well again: mobius resume -e production"]
    assert any(
        row.topic == "alert" and row.payload["kind"] == "hosts left out" for row in world.journal.outbox()
    )


def test_a_deployment_that_loses_nobody_tells_of_nobody(world: FleetWorld) -> None:
    assert world.events(world.deploy("v2"), "hosts left out") == []


def test_without_the_journal_status_says_what_is_live_by_what_the_hosts_were_told(world: FleetWorld) -> None:
    world.deploy("v2")
    live, previous = world.releases.current()
    said = status(without_journal(world))
    assert said.live is not None
    assert said.previous is not None
    assert (said.live.id, said.previous.id) == (live, previous)
    assert said.next == "mobius doctor -e production"
    assert said.warnings[0] == (
        "the journal cannot be read: the journal in postgres on db1 cannot be reached"
    )
    assert said.warnings[1] == (
        "going back works without the journal: mobius rollback -e production --emergency"
    )


def test_what_another_machine_deployed_is_live_here_too_and_gone_back_from(world: FleetWorld) -> None:
    world.deploy("v2")
    live, previous = world.releases.current()
    ports = without_journal(world)
    known = ports.releases
    here = [release for release in known.manifests() if release.id != live]

    class Elsewhere:
        """The releases as a machine has them that did not deploy the newest."""

        def manifests(self) -> Any:
            return tuple(here)

        def __getattr__(self, name: str) -> Any:
            return getattr(known, name)

    elsewhere: Any = Elsewhere()
    ports = replace(ports, releases=elsewhere)
    said = status(ports)
    assert said.live is not None
    assert (said.live.id, said.live.tag) == (live, "v2")
    assert not any("was not deployed by mobius" in one for one in said.warnings)
    assert plan_rollback(ports, emergency=True, tool_version="0").release_id == previous
