"""Traffic of a fleet is moved, counted and taken away host by host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mobius.adapters.clocks.memory import MemoryClock
from mobius.adapters.fleet.hosts import Hosts
from mobius.adapters.signals.hosts import HostSignals
from mobius.adapters.traffic.fleet import FleetTraffic
from mobius.adapters.traffic.haproxy_memory import MemoryHaproxy
from mobius.errors import MobiusError
from mobius.model.fleet import FleetSettings, HostSettings
from mobius.model.haproxy import SLOTS, HaproxyPlace, server_name
from mobius.model.sample import Sample
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import ProcessStatus

HOSTS = ("web1", "web2", "web3")
RELEASES = {"blue": "v1", "green": "v2"}


class Running:
    """Both releases are up on every host."""

    def processes(self) -> tuple[ProcessStatus, ...]:
        return tuple(
            ProcessStatus("web", "web", slot, release_id, "running", host=host)
            for slot, release_id in RELEASES.items()
            for host in HOSTS
        )


class Ground:
    """FleetTraffic before an HAProxy in memory."""

    def __init__(self, root: Path) -> None:
        names = [server_name(slot, host) for host in HOSTS for slot in SLOTS]
        self.haproxy = MemoryHaproxy("shop", names)
        settings = [HostSettings(host, host, 8001) for host in HOSTS]
        no_line: Any = lambda _: None  # noqa: E731, nobody is asked anything
        self.hosts = Hosts(settings, FleetSettings(failure_budget=1), root / "run", MemoryClock(), no_line)
        place = HaproxyPlace(Path("socket"), "shop", root / "state", Path("cfg"), tuple(names))
        target: Any = Running()
        self.traffic = FleetTraffic(place, root, self.hosts, target, MemoryClock(), self.haproxy)

    def answer(self, slot: str, host: str, requests: int, errors: int = 0) -> None:
        """The host answered so many requests more in this slot, and some of them badly."""
        server = self.haproxy.servers[server_name(slot, host)]
        server.requests += requests
        server.failed_5xx += errors


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    made = Ground(tmp_path)
    made.traffic.switch({"blue": 100})
    return made


def test_one_host_is_switched_and_the_others_stay(ground: Ground) -> None:
    ground.traffic.switch_hosts({"green": 100}, ["web2"])
    assert ground.traffic.host_weights() == {
        "web1": {"blue": 100}, "web2": {"green": 100}, "web3": {"blue": 100},
    }  # fmt: skip
    assert dict(ground.traffic.weights()) == {"blue": 100, "green": 100}
    ground.traffic.switch({"green": 100})
    assert set(map(str, ground.traffic.host_weights().values())) == {"{'green': 100}"}


def test_each_host_is_counted_by_itself_and_by_release(ground: Ground) -> None:
    ground.answer("blue", "web1", 10, 1)
    ground.traffic.switch({"green": 100})
    ground.answer("green", "web1", 20, 2)
    ground.answer("green", "web2", 30)
    told = ground.traffic.host_counters()
    counted = {host: {r: (c.requests, c.errors) for r, c in of.items()} for host, of in told.items()}
    assert counted["web1"] == {"v1": (10, 1), "v2": (20, 2)}
    assert counted["web2"]["v2"] == (30, 0)
    whole = ground.traffic.counters()
    assert (whole["v2"].requests, whole["v2"].errors) == (50, 2)
    assert ground.traffic.releases()["green-web2"] == ("web2", "v2")


def test_counts_of_a_host_outlive_an_haproxy_that_starts_again(ground: Ground) -> None:
    ground.answer("blue", "web1", 10, 1)
    ground.traffic.counters()
    ground.haproxy.process += 1
    for server in ground.haproxy.servers.values():
        server.requests = server.failed_5xx = 0
    ground.answer("blue", "web1", 5)
    assert ground.traffic.host_counters()["web1"]["v1"].requests == 15


def test_a_host_that_is_left_out_gets_nothing_and_keeps_getting_nothing(ground: Ground) -> None:
    ground.hosts.leave_out({"web3": MobiusError("it is bad")}, "judging", are_bad=True)
    ground.traffic.switch_hosts(ground.traffic.weights(), ())
    assert ground.traffic.host_weights() == {"web1": {"blue": 100}, "web2": {"blue": 100}, "web3": {}}
    ground.traffic.switch({"green": 100})
    ground.traffic.switch_hosts({"green": 100}, ["web3"])
    assert ground.traffic.host_weights()["web3"] == {}, "it takes no part, whoever asks"
    assert ground.hosts.absent()["web3"].is_bad
    ground.hosts.take_back_in("web3")
    ground.traffic.switch_hosts({"green": 100}, ["web3"])
    assert ground.traffic.host_weights()["web3"] == {"green": 100}


class Whole:
    """The signals of the service."""

    def sample(self, now: float) -> tuple[Sample, ...]:
        return (Sample("probe", now, ok=True),)


class Checks:
    """Hosts answer their own checks, but for one."""

    def health_of_each(self, urls: list[str]) -> tuple[CheckResult, ...]:
        bad = CheckResult("health", Outcome.FAIL, "503", 1.0)
        return tuple(bad if "web3" in url else CheckResult("health", Outcome.PASS, "", 1.0) for url in urls)


def test_a_window_hears_what_each_host_answers_and_what_it_did_before(ground: Ground) -> None:
    ground.answer("blue", "web2", 200, 8)
    ground.traffic.switch({"green": 100})
    ground.answer("green", "web1", 7)
    checks: Any = Checks()
    signals = HostSignals(
        Whole(),
        "v2",
        counters=ground.traffic.host_counters,
        addresses=lambda: {"web2": "http://web2", "web3": "http://web3"},
        checks=checks,
    )
    ground.answer("green", "web1", 40, 4)
    ground.answer("green", "web3", 5)
    told = {sample.signal: sample for sample in signals.sample(100.0)}
    assert (told["host:web1"].requests, told["host:web1"].errors) == (40, 4), (
        "not what came before the window"
    )
    assert told["host:web3"].requests == 5
    assert (told["host before:web2"].requests, told["host before:web2"].errors) == (200, 8)
    assert (told["host check:web2"].ok, told["host check:web3"].ok) == (True, False)
    assert told["host check:web3"].note == "503"
    ground.answer("green", "web1", 3)
    again = {sample.signal: sample for sample in signals.sample(105.0)}
    assert again["host:web1"].requests == 3
    assert "host before:web2" not in again


def test_where_nobody_is_served_all_hosts_come_at_once_and_nobody_waits_between_them(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.hosts.settings = FleetSettings(max_parallel=1, pause_s=600.0)
    clock = ground.traffic._clock
    began = clock.monotonic()
    ground.traffic.switch({"blue": 100})
    assert clock.monotonic() - began < 1
    assert set(map(str, ground.traffic.host_weights().values())) == {"{'blue': 100}"}
    ground.traffic.switch({"green": 100})
    assert clock.monotonic() - began >= 1200, "a deployment still goes one after the other"


def test_a_host_that_haproxy_was_never_told_of_stops_a_deployment_and_no_way_back(ground: Ground) -> None:
    for slot in SLOTS:
        del ground.haproxy.servers[server_name(slot, "web3")]
    with pytest.raises(MobiusError, match="has no server"):
        ground.traffic.switch({"green": 100})
    ground.hosts.goes_back = True
    ground.traffic.switch({"green": 100})
    weights = ground.traffic.host_weights()
    assert (weights["web1"], weights["web2"], weights["web3"]) == ({"green": 100}, {"green": 100}, {})
