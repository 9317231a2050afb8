"""Who gets the next request: upstreams, weights, the hold, and what is counted on the way."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from mobius.host.counters import (
    REFUSALS,
    SWITCHES_KEPT,
    ReleaseCount,
    SwitchCount,
    find_route,
)
from mobius.host.door_sticky import draw, slot_of
from mobius.host.messages import Limits

if TYPE_CHECKING:
    from mobius.host.door_client import ClientConnection
    from mobius.host.door_exchange import Exchange
    from mobius.host.door_upstream import UpstreamConnection

POOL_SIZE = 256
POOL_IDLE_S = (
    2.0  # servers close idle connections after 5 s and more; ours are gone before they could race us
)
HOLD_BYTES_PER_BODY = 64 * 1024  # what one waiting request may have read of its body

Weights = tuple[tuple[str, int], ...]


class Upstream:
    """Where one slot is reached, its idle connections, and the requests it is answering now."""

    __slots__ = (
        "answered_in", "count", "drained", "in_flight", "keeps_idle", "listen", "pool", "port",
        "prefers_port", "release", "slot", "socket",
    )  # fmt: skip

    def __init__(self, slot: str) -> None:
        self.slot = slot
        self.release = ""
        self.port: int | None = None
        self.socket: str | None = None
        self.listen = "auto"
        self.prefers_port = False
        self.count = ReleaseCount()
        self.pool: list[UpstreamConnection] = []
        self.in_flight: set[Exchange] = set()
        self.keeps_idle = False  # True while it has weight: only then a connection is worth keeping
        self.answered_in = 0  # the newest generation in which it answered anything
        self.drained: list[asyncio.Future[None]] = []

    def close_idle(self) -> None:
        """Closes the idle connections, so that the slot can stop without one of them waiting for it."""
        pool, self.pool = self.pool, []
        for connection in pool:
            connection.close()

    def finished(self, exchange: Exchange) -> None:
        self.in_flight.discard(exchange)
        if self.drained and not self.in_flight:
            for waiter in self.drained:
                if not waiter.done():
                    waiter.set_result(None)


class Hold:
    """Requests that wait for `release_hold`, within limits; past `until` they get 503."""

    def __init__(self, until: float, max_requests: int, max_bytes: int) -> None:
        self.until = until
        self.max_requests = max_requests
        self.max_bytes = max_bytes
        self.bytes = 0
        self.waiting: deque[Exchange] = deque()
        self.expired = False
        self.timer: asyncio.TimerHandle | None = None

    def as_json(self) -> dict[str, Any]:
        return {"until": self.until, "max_requests": self.max_requests, "max_bytes": self.max_bytes}

    def admit(self, exchange: Exchange, size: int) -> bool:
        """Whether this request may wait."""
        if self.expired or len(self.waiting) >= self.max_requests or self.bytes + size > self.max_bytes:
            return False
        exchange.held_bytes = size
        self.bytes += size
        self.waiting.append(exchange)
        return True

    def forget(self, exchange: Exchange) -> None:
        if exchange in self.waiting:
            self.waiting.remove(exchange)
            self.bytes -= exchange.held_bytes


class Traffic:
    """Everything the connections of one door share. Changed only through the methods, between two
    requests."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.limits = Limits()
        self.routes: tuple[tuple[str, bytes], ...] = ()
        self.trusted: frozenset[str] = frozenset()
        self.expose_release = False
        self.generation = 0
        self.weights: Weights = ()
        self.turn = 0
        self.upstreams: dict[str, Upstream] = {}
        self.releases: dict[str, ReleaseCount] = {}
        self.switches: list[SwitchCount] = []
        self.switch_failures = 0
        self.refused: dict[str, int] = dict.fromkeys(REFUSALS, 0)
        self.hold: Hold | None = None
        self.leaving = False
        self.clients: set[ClientConnection] = set()
        self.since = time.time()

    # -- what the supervisor changes -------------------------------------------------------------------------

    def set_upstreams(self, given: dict[str, dict[str, Any]]) -> None:
        """The slots that exist now; one whose address or release changed keeps its requests in flight."""
        for slot, where in given.items():
            upstream = self.upstreams.get(slot)
            if upstream is None:
                upstream = self.upstreams[slot] = Upstream(slot)
            address = (where["port"], where["socket"], where["listen"], where["release"])
            if address != (upstream.port, upstream.socket, upstream.listen, upstream.release):
                upstream.close_idle()
                upstream.port, upstream.socket, upstream.listen, upstream.release = address
                upstream.prefers_port = False
                upstream.count = self.releases.setdefault(upstream.release, ReleaseCount())
        for slot in [slot for slot in self.upstreams if slot not in given]:
            self.upstreams.pop(slot).close_idle()
        self._settle_pools()

    def set_weights(self, weights: dict[str, int], generation: int, at: float) -> None:
        """From here on every new request goes by `weights`. Those in flight stay where they are. The clients of the
        slot that is named first stay with it as its share grows."""
        self.weights = tuple((slot, weight) for slot, weight in weights.items() if weight > 0)
        self._settle_pools()
        if generation != self.generation:
            self.generation = generation
            self.turn = 0
            if at:
                self.switches.append(SwitchCount(generation, at, dict(self.weights)))
                del self.switches[:-SWITCHES_KEPT]

    def _settle_pools(self) -> None:
        with_weight = {slot for slot, _ in self.weights}
        for upstream in self.upstreams.values():
            upstream.keeps_idle = upstream.slot in with_weight
            if not upstream.keeps_idle:
                upstream.close_idle()

    def set_routes(self, routes: list[str]) -> None:
        named = [(route, route.rstrip("/").encode()) for route in routes]
        self.routes = tuple(sorted(named, key=lambda one: -len(one[1])))

    # -- what happens to a request ---------------------------------------------------------------------------

    def next_upstream(self, exchange: Exchange) -> Upstream | None:
        """The upstream for this request, by the weights of this moment; where several slots have weight, by the number
        of its client, which gets one that has none."""
        weights = self.weights
        if len(weights) < 2:
            return self.upstreams.get(weights[0][0]) if weights else None
        if exchange.number < 0:
            self.turn += 1
            exchange.number = draw(self.turn)
            exchange.gets_number = True
        return self.upstreams.get(slot_of(weights, exchange.number))

    def others_with_weight(self, upstream: Upstream) -> list[Upstream]:
        names = [slot for slot, _ in self.weights if slot != upstream.slot]
        return [self.upstreams[slot] for slot in names if slot in self.upstreams]

    def route_of(self, path: bytes) -> str | None:
        return find_route(path, self.routes) if self.routes else None

    def release_hold(self) -> int:
        """Sends on what waits, oldest first, and says how many that were."""
        hold, self.hold = self.hold, None
        if hold is None:
            return 0
        if hold.timer is not None:
            hold.timer.cancel()
        waiting = list(hold.waiting)
        for exchange in waiting:
            exchange.client.send_on(exchange)
        return len(waiting)

    def blame_switch(self, exchange: Exchange) -> None:
        """The door failed this request. It is the switch's fault when that happened after the request was
        routed, or when the slot that just got its weight has not answered anything yet."""
        upstream = exchange.upstream
        if exchange.generation < self.generation:
            blamed = exchange.generation + 1
        elif upstream is not None and upstream.answered_in < self.generation:
            blamed = self.generation
        else:
            return
        for switch in self.switches:
            if switch.generation == blamed:
                switch.failed += 1
        self.switch_failures += 1

    def snapshot(self) -> dict[str, Any]:
        """The counts as JSON."""
        for count in self.releases.values():
            count.in_flight = 0
        for upstream in self.upstreams.values():
            for exchange in upstream.in_flight:
                exchange.count.in_flight += 1
        return {
            "releases": {name: count.as_json() for name, count in self.releases.items()},
            "refused": dict(self.refused),
            "switches": [switch.as_json() for switch in self.switches],
            "failed_because_of_switches": self.switch_failures,
        }
