"""The front door where requests wait in a hold, because HAProxy itself can hold none within limits."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

from mobius.adapters.traffic.door import whole
from mobius.errors import MobiusError
from mobius.host.client import HostClient
from mobius.host.messages import DoorStatus
from mobius.ports import Counters

REACHED_WITHIN_S = 1.0


class HoldingDoor:
    """Our front door on a port of the loopback. Every method raises `MobiusError` when it does not answer, and
    `CountsPartial` when what it counted is not all there."""

    def __init__(self, root: Path) -> None:
        self._host = HostClient(root, revives=True)

    def weights(self) -> dict[str, int]:
        """Where what waits will go."""
        return {slot: weight for slot, weight in self._status().weights.items() if weight}

    def route(self, weights: Mapping[str, int]) -> None:
        """Sends it there."""
        self._host.route({slot: weight for slot, weight in weights.items() if weight})

    def hold(
        self, weights: Mapping[str, int], max_s: float, max_requests: int, max_bytes: int
    ) -> tuple[str, int]:
        """Ready to let requests wait, before the first one comes; returns where it is reached."""
        door = self._status()
        host, _, port = door.listen.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=REACHED_WITHIN_S).close()
        except (OSError, ValueError) as problem:
            raise MobiusError(
                f"the front door, where requests wait, is not reached on {door.listen} ({door.state})",
                "mobius host status; a deployment opens it on a port of the loopback",
            ) from problem
        if {slot: weight for slot, weight in door.weights.items() if weight} != dict(weights):
            self.route(weights)
        self._host.hold(max_s, max_requests, max_bytes)
        return host, int(port)

    def release(self) -> int:
        """What waits goes on; says how much that is."""
        return self._host.release_hold().released

    def turned_away(self) -> int:
        """What was not allowed to wait."""
        return whole(self._host.counters()).refused.get("hold_overflow", 0)

    def drain(self, slot: str, timeout_s: float, weights: Mapping[str, int]) -> int:
        """Waits for what went through the door to the slot; cuts what is left, and counts. `weights` are those that
        hold now: the door was last told when it held."""
        door = self._status()
        if not door.in_flight.get(slot):
            return 0
        if not door.held:
            self.route(weights)
        return self._host.drain(slot, timeout_s).cut

    def counts(self) -> dict[str, Counters]:
        """What went through it, by release."""
        return {
            release_id: Counters(one.requests, one.errors_5xx + one.errors_door, (), one.in_flight)
            for release_id, one in whole(self._host.counters()).releases.items()
        }

    def failed(self) -> int:
        """Requests that failed because its weights were changed, in all."""
        return whole(self._host.counters()).failed_because_of_switches

    def _status(self) -> DoorStatus:
        door = self._host.status().door
        if door is None:
            raise MobiusError("the front door, where requests wait, is not open", "mobius host status")
        return door
