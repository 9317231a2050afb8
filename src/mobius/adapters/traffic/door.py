"""Traffic through our own front door, asked by way of the supervisor."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from mobius.adapters.traffic.one_host import OneHostTraffic
from mobius.host.client import HostClient, HostUnavailable
from mobius.host.messages import Counters as Counted
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import Counters, CountsPartial, Switched


def whole(counted: Counted) -> Counted:
    """The same. Raises `CountsPartial` when what one door process counted is not in it."""
    if counted.partial:
        raise CountsPartial(
            "a front door process did not answer, so what it counted is missing",
            "mobius host status says how it is; the next reading may have all of it",
        )
    return counted


class DoorTraffic(OneHostTraffic):
    """The front door of one root."""

    def __init__(self, root: Path) -> None:
        self._host = HostClient(root, revives=True)

    def preflight(self) -> tuple[CheckResult, ...]:
        """Its port is the target's to look at, which opens the door."""
        return ()

    def check_split(self) -> CheckResult:
        """By weights, and a client stays where it was sent by the front door's own cookie."""
        told = "a client stays with its release by the front door's cookie"
        return CheckResult("canary", Outcome.PASS, told, 0.0)

    def weights(self) -> Mapping[str, int]:
        """Empty when there is no supervisor at all: then nobody receives traffic."""
        if not self._host.is_running():
            return {}
        door = self._host.status().door
        return dict(door.weights) if door is not None else {}

    def switch(self, weights: Mapping[str, int]) -> Switched:
        began = time.perf_counter()
        routed = self._host.route(weights)
        return Switched(
            routed.generation, (time.perf_counter() - began) * 1000, self._failed_in(routed.generation)
        )

    def drain(self, slot: str, timeout_s: float) -> int:
        return self._host.drain(slot, timeout_s).cut

    def hold(self, max_s: float, max_requests: int, max_bytes: int) -> None:
        self._host.hold(max_s, max_requests, max_bytes)

    def release_hold(self) -> int:
        return self._host.release_hold().released

    def turned_away(self) -> int:
        return whole(self._host.counters()).refused.get("hold_overflow", 0)

    def counters(self) -> Mapping[str, Counters]:
        return {
            release_id: Counters(
                requests=counts.requests,
                errors=counts.errors_5xx + counts.errors_door,
                histogram=tuple(counts.histogram),
                in_flight=counts.in_flight,
                routes={
                    route: Counters(one.requests, one.errors, tuple(one.histogram), took_s=one.took_ms / 1000)
                    for route, one in counts.routes.items()
                },
                took_s=counts.took_ms / 1000,
            )
            for release_id, counts in whole(self._host.counters()).releases.items()
        }

    def failed_because_of_switches(self, since: int = 0) -> int:
        switches = self._host.counters().switches
        return sum(switch.failed_because_of_switch for switch in switches if switch.generation >= since)

    def _failed_in(self, generation: int) -> int:
        try:
            switches = self._host.counters().switches
        except HostUnavailable:
            return 0
        return sum(s.failed_because_of_switch for s in switches if s.generation == generation)
