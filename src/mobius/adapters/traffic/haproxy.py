"""Traffic through an HAProxy that is there already, told on its runtime API; it is never reloaded to switch.

HAProxy is the truth of who gets requests. It is asked before every change, and says after it, in the same exchange,
how its servers stand; that is also what it reads when it starts again, from the state file we write then.
"""

from __future__ import annotations

import contextlib
import ipaddress
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from mobius.adapters.signals.access_log_checks import access_log_checks
from mobius.adapters.traffic.haproxy_backend import HaproxyBackend
from mobius.adapters.traffic.haproxy_checks import haproxy_checks, split_check
from mobius.adapters.traffic.haproxy_commands import Wanted, holds
from mobius.adapters.traffic.haproxy_door import HoldingDoor
from mobius.adapters.traffic.haproxy_kept import Kept, without_server
from mobius.adapters.traffic.haproxy_reading import Row, Server
from mobius.adapters.traffic.haproxy_remembering import Remembering, refuse_weights
from mobius.adapters.traffic.history import DOOR as VIA_DOOR
from mobius.adapters.traffic.history import switching
from mobius.adapters.traffic.one_host import OneHostTraffic
from mobius.errors import MobiusError
from mobius.model.haproxy import DOOR, SLOTS, HaproxyPlace
from mobius.model.settings import TrafficSettings
from mobius.model.verdict import CheckResult
from mobius.ports import Counters, CountsPartial, Switched, Target

VIA_HAPROXY = "haproxy"  # its log names the server, which is the slot
WHOLE = 100  # the weight of the door while it holds


class HaproxyTraffic(OneHostTraffic):
    """The servers `blue` and `green` of one backend, and `door` beside them, where requests wait in a hold."""

    def __init__(
        self, place: HaproxyPlace, root: Path, target: Target, settings: TrafficSettings | None = None
    ) -> None:
        self._place = place
        self._settings = settings or TrafficSettings("haproxy")
        self._root = root
        self._target = target
        self._backend = HaproxyBackend(place)
        self._door = HoldingDoor(root)
        self._memory = Remembering(root, self._backend)

    # -- what the port promises ------------------------------------------------------------------------------

    def preflight(self) -> tuple[CheckResult, ...]:
        """Its socket, its backend, and what its configuration keeps over a restart."""
        return (*haproxy_checks(self._place, self._backend.api), *access_log_checks(self._settings))

    def check_split(self) -> CheckResult:
        """By its weights; stickiness is a matter of its own configuration."""
        return split_check(self._place)

    def weights(self) -> Mapping[str, int]:
        """As HAProxy has them; while requests are held, as they will be when the hold ends. A server leads nowhere,
        and counts as none, when its slot is empty or its process has another port, as after a boot."""
        servers = self._backend.servers()
        shares = self._shares(servers)
        if _is_held(servers):
            return shares
        return {slot: share for slot, share in shares.items() if self._leads_to(servers[slot])}

    def switch(self, weights: Mapping[str, int]) -> Switched:
        began = time.perf_counter()
        with self._memory.changing() as kept:
            servers = self._backend.servers()
            self._refuse_what_cannot_be(weights, servers)
            wanted = {slot: weights.get(slot, 0) for slot in SLOTS}
            if _is_held(servers):
                kept = self._switch_behind_the_door(kept, wanted)
            else:
                kept = self._bring(kept, servers, wanted)
            self._memory.keep(kept)
        took_ms = (time.perf_counter() - began) * 1000
        return Switched(kept.generation, took_ms, kept.failed.get(kept.generation, 0))

    def drain(self, slot: str, timeout_s: float) -> int:
        """Counts tunnels (WebSockets) as requests in flight, as HAProxy does."""
        servers = self._backend.servers()
        if slot not in servers or slot not in SLOTS:
            raise _unknown(slot, self._place.backend)
        if servers[slot].share:
            raise MobiusError(f"slot {slot} still gets new requests, so it cannot be drained", "switch first")
        self._look()
        until = time.monotonic() + timeout_s
        cut = 0
        if not self._backend.wait_until_empty(slot, until):
            self._look()
            cut = self._backend.cut(slot)
            self._look(forgiven=slot)
        if self._memory.load().has_held:
            cut += self._door.drain(slot, max(0.0, until - time.monotonic()), self._shares(servers))
        return cut

    def hold(self, max_s: float, max_requests: int, max_bytes: int) -> None:
        with self._memory.changing() as kept:
            servers = self._backend.servers()
            if DOOR not in servers:
                raise MobiusError(
                    f"HAProxy's backend {self._place.backend} has no server {DOOR}, where requests could wait",
                    "include what `mobius traffic snippet` prints, and reload HAProxy once",
                )
            shares = self._shares(servers)
            if not _is_held(servers):
                self._door.release()  # of a hold that was cut short, whose time is over by now
            where = self._door.hold(shares, max_s, max_requests, max_bytes)
            if not _is_held(servers):
                wanted = {**{slot: Wanted(0) for slot in SLOTS}, DOOR: Wanted(WHOLE, *where)}
                self._memory.keep(kept := replace(kept, has_held=True))
                with switching(self._root, via=VIA_DOOR, weights=shares, releases=self._releases(shares)):
                    kept, _ = self._carry_out(kept, servers, wanted)
                self._memory.keep(kept)

    def release_hold(self) -> int:
        released = 0
        with self._memory.changing() as kept:
            servers = self._backend.servers()
            if _is_held(servers):
                shares = self._door.weights()
                released = self._door.release()
                wanted = self._wanted(servers, shares)
                with switching(self._root, via=VIA_HAPROXY, weights=shares, releases=self._releases(shares)):
                    kept, _ = self._carry_out(kept, servers, wanted)
                self._memory.keep(kept)
            elif kept.has_held:
                released = self._door.release()
        return released

    def turned_away(self) -> int:
        return self._door.turned_away()

    def counters(self) -> Mapping[str, Counters]:
        """Without a histogram: HAProxy keeps averages only, so latency comes from its access log."""
        kept, rows = self._look()
        answering = {release_id: slot for slot, release_id in kept.releases.items()}
        told = {
            release_id: Counters(
                total.requests, total.errors, (), _in_flight(rows, answering.get(release_id, ""))
            )
            for release_id, total in kept.totals.items()
        }
        if kept.has_held:  # what waited went through the front door
            for release_id, more in self._door.counts().items():
                had = told.get(release_id, Counters(0, 0, ()))
                told[release_id] = Counters(
                    had.requests + more.requests,
                    had.errors + more.errors,
                    (),
                    had.in_flight + more.in_flight,
                )
        return told

    def failed_because_of_switches(self, since: int = 0) -> int:
        """Requests that got no answer from a server after it had lost its weight, and those that found no server
        at all while a switch was carried out. A retry that went well is no failure."""
        kept, _ = self._look()
        return kept.failed_since(since)

    # -- a change --------------------------------------------------------------------------------------------

    def _refuse_what_cannot_be(self, weights: Mapping[str, int], servers: Mapping[str, Server]) -> None:
        there = [slot for slot in SLOTS if slot in servers]
        refuse_weights(weights, there, lambda slot: _unknown(slot, self._place.backend))
        for slot in SLOTS:
            if slot not in servers:
                raise MobiusError(
                    f"HAProxy's backend {self._place.backend} has no server {slot}",
                    "include what `mobius traffic snippet` prints, and reload HAProxy once",
                )

    def _bring(self, kept: Kept, servers: Mapping[str, Server], weights: Mapping[str, int]) -> Kept:
        wanted = self._wanted(servers, weights)
        if holds(servers, wanted):
            self._backend.keep_state()
            kept = kept.standing(servers, self._backend.ours)
            return replace(kept, releases={**kept.releases, **self._releases(weights)})
        before, releases = self._shares(servers), self._releases(weights)
        with switching(self._root, via=VIA_HAPROXY, weights=weights, releases=releases):
            kept, in_the_gap = self._carry_out(kept, servers, wanted)
        is_gap = bool(before) and any(weights.values())
        return kept.switched(before, weights, releases, in_the_gap if is_gap else 0)

    def _switch_behind_the_door(self, kept: Kept, weights: Mapping[str, int]) -> Kept:
        """Requests wait: where they will go is told to the front door, and to HAProxy when the hold ends."""
        before = self._door.weights()
        if before == {slot: weight for slot, weight in weights.items() if weight}:
            return kept
        releases = self._releases(weights)
        with switching(self._root, via=VIA_DOOR, weights=weights, releases=releases):
            self._door.route(weights)
        return kept.switched(before, weights, releases, 0)

    def _carry_out(
        self, kept: Kept, servers: Mapping[str, Server], wanted: Mapping[str, Wanted]
    ) -> tuple[Kept, int]:
        """Returns what is known now, and how many requests found no server meanwhile."""
        before, after = self._backend.carry_out(servers, wanted)
        kept = kept.seen(before.process, before.rows).seen(after.process, after.rows)
        kept = kept.standing(after.servers, self._backend.ours)
        return kept, without_server(before.rows, after.rows)

    def _wanted(self, servers: Mapping[str, Server], weights: Mapping[str, int]) -> dict[str, Wanted]:
        """Every server that is ours, with the address of the web process in its slot now."""
        wanted = {}
        for slot in SLOTS:
            weight = weights.get(slot, 0)
            wanted[slot] = Wanted(weight, *self._address(servers[slot])) if weight else Wanted(0)
        if DOOR in servers:
            wanted[DOOR] = Wanted(0)
        return wanted

    def _address(self, server: Server) -> tuple[str, int]:
        url = urlsplit(self._target.slot_url(server.name))
        if not server.address:
            return "", 0  # a Unix socket: HAProxy was given its path, which is the slot's for good
        host = {"localhost": "127.0.0.1"}.get(url.hostname or "", url.hostname or "")
        try:
            return str(ipaddress.ip_address(host)), int(url.port or 0)
        except ValueError:
            raise MobiusError(
                f"slot {server.name} has no web process with a port that HAProxy could be told",
                "mobius status says what runs; its process must listen on the PORT it is given",
            ) from None

    # -- what is there ---------------------------------------------------------------------------------------

    def _shares(self, servers: Mapping[str, Server]) -> Mapping[str, int]:
        if _is_held(servers):
            return self._door.weights()
        return {slot: servers[slot].share for slot in SLOTS if slot in servers and servers[slot].share}

    def _leads_to(self, server: Server) -> bool:
        """Whether requests come to the process in the slot; where nobody can say, HAProxy is believed."""
        try:
            webs = [process for process in self._target.processes() if process.kind == "web"]
        except MobiusError:
            return True
        here = [process for process in webs if process.slot == server.name]
        if not here:
            return not webs
        ports = [urlsplit(process.url).port for process in here if process.url]
        return not server.address or not ports or server.port in ports

    def _releases(self, weights: Mapping[str, int]) -> dict[str, str]:
        """Which release is in each slot that gets requests, as far as anybody can say."""
        try:
            there = self._target.processes()
        except MobiusError:
            return {}
        return {p.slot: p.release_id for p in there if p.kind == "web" and weights.get(p.slot)}

    def _look(self, *, forgiven: str = "") -> tuple[Kept, Mapping[str, Row]]:
        return self._memory.look(forgiven=forgiven, also=self._with_the_door)

    def _with_the_door(self, kept: Kept) -> Kept:
        if kept.has_held:
            with contextlib.suppress(CountsPartial):  # told with the next look
                return kept.door_told(self._door.failed())
        return kept


def _is_held(servers: Mapping[str, Server]) -> bool:
    """Requests go to the front door; not when a slot gets some, too, as after a change cut short."""
    door = servers.get(DOOR)
    return door is not None and door.share > 0 and not any(servers[s].share for s in SLOTS if s in servers)


def _in_flight(rows: Mapping[str, Row], slot: str) -> int:
    return rows[slot].in_flight if slot in rows else 0


def _unknown(slot: str, backend: str) -> MobiusError:
    return MobiusError(
        f"there is no slot {slot} to send traffic to: HAProxy's backend {backend} has no such server of ours",
        "mobius status names the slots; mobius traffic check looks at HAProxy",
    )
