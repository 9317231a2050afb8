"""A world in which three hosts serve the release, each of which may ail by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mobius.adapters.targets.memory import MemoryTarget
from mobius.adapters.traffic.memory import MemoryTraffic
from mobius.errors import MobiusError
from mobius.model.fleet import FleetSettings, HostSeen, HostSettings
from mobius.model.sample import Sample
from mobius.model.settings import MonitorSettings
from mobius.ports import Ports, Switched
from mobius.rules.hosts.streams import CHECK, HOST
from world import SETTINGS, World, _hooked

HOSTS = ("web1", "web2", "web3")
REQUESTS = 200  # of each host in a look
ON_HOSTS = replace(
    SETTINGS,
    window_s=300.0,
    checks=(),
    hosts=tuple(HostSettings(name, name, 8001) for name in HOSTS),
    fleet=FleetSettings(failure_budget=1),
    monitor=MonitorSettings(interval_s=5.0, blip_tolerance_s=10.0),
)


class HostsTarget(MemoryTarget):
    """`out`: who takes no part, and why."""

    def __init__(self, budget: int) -> None:
        super().__init__()
        self.budget = budget
        self.out: dict[str, str] = {}
        self.goes_back = False
        self.mended: set[str] = set()  # started anew

    def leave_out(self, hosts: Mapping[str, str]) -> None:
        out = {**self.out, **hosts}
        if len(out) > (len(HOSTS) - 1 if self.goes_back else self.budget):
            raise MobiusError("more than the failure budget allows", "mobius status")
        self.out = out

    def leave_out_lost(self) -> tuple[str, ...]:
        self.goes_back = True
        return ()

    def left_out(self) -> tuple[str, ...]:
        return tuple(self.out)

    def put_right(self) -> tuple[str, ...]:
        self.mended |= set(self.out)
        return tuple(self.out)

    def take_back_in(self, hosts: Sequence[str]) -> None:
        self.out = {host: why for host, why in self.out.items() if host not in hosts}

    def slot_urls(self, slot: str) -> Mapping[str, str]:
        url = self.slot_url(slot)
        return {host: url and f"{url}@{host}" for host in HOSTS if host not in self.out}

    def addresses(self, slot: str) -> Mapping[str, str]:
        return {host: f"memory://{slot}@{host}" for host in HOSTS}

    def hosts(self) -> tuple[HostSeen, ...]:
        return tuple(
            HostSeen(host, True, self.out.get(host, ""), float(host in self.out), is_bad=host in self.out)
            for host in HOSTS
        )


class HostsTraffic(MemoryTraffic):
    """`there`: the weights of each host, which follow those of all with a switch."""

    def __init__(self, target: HostsTarget) -> None:
        super().__init__(lambda: ("blue", "green"))
        self._target = target
        self.there: dict[str, dict[str, int]] = {host: {} for host in HOSTS}

    def switch(self, weights: Mapping[str, int]) -> Switched:
        switched = super().switch(weights)
        self.switch_hosts(weights, HOSTS)
        return switched

    def switch_hosts(self, weights: Mapping[str, int], hosts: Sequence[str]) -> Switched:
        for host in HOSTS:
            if host in self._target.out:
                self.there[host] = {}
            elif host in hosts:
                self.there[host] = dict(weights)
        return Switched(len(self.moves), 1.0, 0)

    def host_weights(self) -> Mapping[str, Mapping[str, int]]:
        return self.there

    def weights(self) -> Mapping[str, int]:
        self._look()
        slots = {slot for of in self.there.values() for slot in of}
        return {slot: max(of.get(slot, 0) for of in self.there.values()) for slot in sorted(slots)}


@dataclass
class FleetWorld(World):
    """`errors`: of the requests of a release on a host, by both names; `sick`: hosts that fail their own checks."""

    errors: dict[tuple[str, str], float] = field(default_factory=dict)
    sick: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.target: HostsTarget = HostsTarget(self.settings.fleet.failure_budget)
        self.traffic: HostsTraffic = HostsTraffic(self.target)

    @property
    def ports(self) -> Ports:
        """As a new process would have them."""
        made = super().ports
        return replace(
            made,
            signals=lambda release: _EachHost(self, release.tag, ""),
            signals_beside=lambda new, before: _EachHost(self, new.tag, before.tag),
            checks=_hooked("checks", _Checks(self, made.checks), self),
        )

    def share(self, tag: str, host: str) -> float:
        """Of the requests that fail there."""
        return self.errors.get((tag, host), self.errors.get((tag, ""), 0.0))


@dataclass
class _Checks:
    world: FleetWorld
    whole: Any

    def health_of_each(self, urls: Sequence[str]) -> Any:
        return tuple(self.health(url) for url in urls)

    def health(self, url: str) -> Any:
        slot, _, host = url.removeprefix("memory://").partition("@")
        found = self.whole.health(f"memory://{slot}")
        return replace(found, outcome="FAIL", message="503") if host in self.world.sick else found

    def __getattr__(self, name: str) -> Any:
        return getattr(self.whole, name)


@dataclass
class _EachHost:
    """What each host that gets requests answers; beside another release, what both answer in all."""

    world: FleetWorld
    tag: str
    beside: str

    def sample(self, now: float) -> tuple[Sample, ...]:
        world = self.world
        of: dict[str, list[Sample]] = {self.tag: [], self.beside: []}
        for host, weights in world.traffic.there.items():
            slot = next((slot for slot, weight in weights.items() if weight), "")
            tag = world.release_in(slot).split("-")[0]
            if tag in of and tag:
                bad = round(REQUESTS * world.share(tag, host))
                of[tag].append(Sample(f"{HOST}{host}", now, requests=REQUESTS, errors=bad))
        whole = [
            _sum(signal, now, of[tag]) for signal, tag in (("traffic", self.tag), ("control", self.beside))
        ]
        there = [one.signal.removeprefix(HOST) for one in of[self.tag]]
        checks = [Sample(f"{CHECK}{host}", now, ok=host not in world.sick, note="503") for host in there]
        parts = [] if self.beside else [*of[self.tag], *checks]
        return (Sample("probe", now, ok=True, value=5.0), *whole[: 2 if self.beside else 1], *parts)


def _sum(signal: str, now: float, parts: Sequence[Sample]) -> Sample:
    return Sample(
        signal, now, requests=sum(one.requests for one in parts), errors=sum(one.errors for one in parts)
    )
