"""Traffic of a fleet: one HAProxy, and in its backend one server for every slot of every host.

A switch goes from one batch of hosts to the next, on a way back it is all of them at once; within a batch it is one
write. What is in flight on the old slot of
a host ends there, because its process stays.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mobius.adapters.fleet.hosts import Hosts
from mobius.adapters.traffic.haproxy_backend import HaproxyBackend
from mobius.adapters.traffic.haproxy_checks import haproxy_checks, split_check
from mobius.adapters.traffic.haproxy_commands import Wanted, holds
from mobius.adapters.traffic.haproxy_kept import Kept, without_server
from mobius.adapters.traffic.haproxy_reading import Server
from mobius.adapters.traffic.haproxy_remembering import Remembering, refuse_weights
from mobius.adapters.traffic.haproxy_socket import Asked
from mobius.adapters.traffic.history import switching
from mobius.errors import MobiusError
from mobius.model.haproxy import SLOTS, HaproxyPlace, server_name
from mobius.model.verdict import CheckResult
from mobius.ports import Clock, Counters, ProcessStatus, Switched, Target

VIA = "haproxy"


class FleetTraffic:
    """HAProxy is the truth of who gets requests; hosts that are out of the fleet get none."""

    def __init__(
        self,
        place: HaproxyPlace,
        root: Path,
        hosts: Hosts,
        target: Target,
        clock: Clock,
        api: Asked | None = None,
    ) -> None:
        self._place = place
        self._root = root
        self._hosts = hosts
        self._target = target
        self._clock = clock
        self._backend = HaproxyBackend(place, api, clock)
        self._memory = Remembering(root, self._backend)
        hosts.when_out(self._take_out)

    # -- what the port promises ------------------------------------------------------------------------------

    def preflight(self) -> tuple[CheckResult, ...]:
        """Its socket, its backend with a server for each slot of each host, and what it keeps over a restart."""
        return haproxy_checks(self._place, self._backend.api)

    def check_split(self) -> CheckResult:
        """By weights, on every host alike."""
        return split_check(self._place)

    def weights(self) -> Mapping[str, int]:
        """Of each slot, the highest share that any host gives it: while a switch goes from batch to batch, both."""
        servers = self._backend.servers()
        shares = {slot: max((s.share for _, s in self._of(slot, servers)), default=0) for slot in SLOTS}
        return {slot: share for slot, share in shares.items() if share}

    def switch(self, weights: Mapping[str, int]) -> Switched:
        present = self._hosts.present()
        # Where nobody is served there is nothing to be careful of.
        at_once = self._hosts.goes_back or not self.weights()
        size = len(present) if at_once else self._hosts.settings.max_parallel
        return self._switch(weights, [present[i : i + size] for i in range(0, len(present), size)])

    def switch_hosts(self, weights: Mapping[str, int], hosts: Sequence[str]) -> Switched:
        return self._switch(weights, [[name for name in self._hosts.present() if name in hosts]])

    def _switch(self, weights: Mapping[str, int], batches: Sequence[Sequence[str]]) -> Switched:
        refuse_weights(weights, SLOTS, _unknown)
        began = self._clock.monotonic()
        processes = self._processes()
        absent = list(self._hosts.absent())
        with self._memory.changing() as kept:
            first = kept.generation + 1
            with self._told(weights, processes):
                for number, batch in enumerate(batches):
                    if number and self._hosts.settings.pause_s:
                        self._clock.wait(self._hosts.settings.pause_s)
                    kept = self._bring(kept, weights, batch, absent, processes)
                    self._memory.keep(kept)
        took_ms = (self._clock.monotonic() - began) * 1000
        generation = min(first, kept.generation)
        return Switched(generation, took_ms, kept.failed_since(generation))

    def drain(self, slot: str, timeout_s: float) -> int:
        servers = self._backend.servers()
        if any(server.share for _, server in self._of(slot, servers)):
            raise MobiusError(f"slot {slot} still gets new requests, so it cannot be drained", "switch first")
        self._memory.look()
        names = [name for name, _ in self._of(slot, servers)]
        cut = 0
        for name in self._backend.wait_until_all_empty(names, self._clock.monotonic() + timeout_s):
            self._memory.look()
            cut += self._backend.cut(name)
            self._memory.look(forgiven=name)
        return cut

    def hold(self, max_s: float, max_requests: int, max_bytes: int) -> None:
        raise MobiusError(
            "requests to a fleet cannot be held", "write migrations that the release before can live with"
        )

    def release_hold(self) -> int:
        """None ever waits."""
        return 0

    def turned_away(self) -> int:
        """None ever waits."""
        return 0

    def counters(self) -> Mapping[str, Counters]:
        """Over all hosts; without a histogram, of which HAProxy keeps averages only."""
        kept, rows = self._memory.look()
        in_flight: dict[str, int] = {}
        for server, release_id in kept.releases.items():
            in_flight[release_id] = in_flight.get(release_id, 0) + (
                rows[server].in_flight if server in rows else 0
            )
        return {
            release_id: Counters(total.requests, total.errors, (), in_flight.get(release_id, 0))
            for release_id, total in kept.totals.items()
        }

    def failed_because_of_switches(self, since: int = 0) -> int:
        kept, _ = self._memory.look()
        return kept.failed_since(since)

    def host_weights(self) -> Mapping[str, Mapping[str, int]]:
        servers = self._backend.servers()
        names = {host: {slot: server_name(slot, host) for slot in SLOTS} for host in self._hosts.all}
        return {
            host: {
                slot: servers[name].share
                for slot, name in of.items()
                if name in servers and servers[name].share
            }
            for host, of in names.items()
        }

    def host_counters(self) -> Mapping[str, Mapping[str, Counters]]:
        kept, rows = self._memory.look()
        found: dict[str, dict[str, Counters]] = {}
        for host in self._hosts.all:
            of = found.setdefault(host, {})
            for slot in SLOTS:
                name = server_name(slot, host)
                for release_id, total in kept.by_server.get(name, {}).items():
                    had = of.get(release_id, Counters(0, 0, ()))
                    is_there = kept.releases.get(name) == release_id and name in rows
                    in_flight = had.in_flight + (rows[name].in_flight if is_there else 0)
                    of[release_id] = Counters(
                        had.requests + total.requests, had.errors + total.errors, (), in_flight
                    )
        return found

    def releases(self) -> Mapping[str, tuple[str, str]]:
        """By server of HAProxy, whose host that is and which release it was last given requests for."""
        named = {server_name(slot, host): host for host in self._hosts.all for slot in SLOTS}
        there = self._memory.load().releases
        return {
            server: (named[server], release_id) for server, release_id in there.items() if server in named
        }

    # -- a change --------------------------------------------------------------------------------------------

    def _take_out(self, hosts: Sequence[str]) -> None:
        """At once, also where no switch follows; where HAProxy does not hear it, the next switch says it again."""
        with contextlib.suppress(MobiusError), self._memory.changing() as kept:
            self._memory.keep(self._bring(kept, {}, (), hosts, ()))

    @contextlib.contextmanager
    def _told(self, weights: Mapping[str, int], processes: Sequence[ProcessStatus]) -> Iterator[None]:
        there = {p.slot: p.release_id for p in processes if weights.get(p.slot)}
        with switching(self._root, via=VIA, weights=dict(weights), releases=there):
            yield

    def _bring(
        self,
        kept: Kept,
        weights: Mapping[str, int],
        batch: Sequence[str],
        absent: Sequence[str],
        processes: Sequence[ProcessStatus],
    ) -> Kept:
        """One write for the hosts of the batch, and for those that are out."""
        servers = self._backend.servers()
        wanted = {
            server_name(slot, host): Wanted(weights.get(slot, 0) if host in batch else 0)
            for host in (*batch, *absent)
            for slot in SLOTS
        }
        missing = [name for name in wanted if name not in servers]
        if self._hosts.goes_back and len(missing) < len(wanted):
            # A host that HAProxy was never told of gets no requests, and keeps nobody from going back.
            wanted = {name: one for name, one in wanted.items() if name in servers}
        elif missing:
            raise MobiusError(
                f"HAProxy's backend {self._place.backend} has no server {missing[0]}",
                "include what `mobius traffic snippet` prints, and reload HAProxy once",
            )
        there = {server_name(p.slot, p.host): p.release_id for p in processes}
        releases = {name: there[name] for name, one in wanted.items() if one.weight and name in there}
        if holds(servers, wanted):
            self._backend.keep_state()
            kept = kept.standing(servers, self._backend.ours)
            return replace(kept, releases={**kept.releases, **releases})
        shares = {name: server.share for name, server in servers.items() if name in wanted}
        before, after = self._backend.carry_out(servers, wanted)
        kept = kept.seen(before.process, before.rows).seen(after.process, after.rows)
        kept = kept.standing(after.servers, self._backend.ours)
        gap = without_server(before.rows, after.rows) if any(shares.values()) else 0
        return kept.switched(shares, {name: one.weight for name, one in wanted.items()}, releases, gap)

    def _processes(self) -> list[ProcessStatus]:
        try:
            return [p for p in self._target.processes() if p.kind == "web"]
        except MobiusError:
            return []

    # -- what is there ---------------------------------------------------------------------------------------

    def _of(self, slot: str, servers: Mapping[str, Server]) -> list[tuple[str, Server]]:
        names = [server_name(slot, host) for host in self._hosts.all]
        return [(name, servers[name]) for name in names if name in servers]


def _unknown(slot: str) -> MobiusError:
    return MobiusError(f"there is no slot {slot} to send traffic to", "mobius status names the slots")
