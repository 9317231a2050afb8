"""Traffic of a fleet: one HAProxy, and in its backend one server for every slot of every host.

A switch goes from one batch of hosts to the next; within a batch it is one write. What is in flight on the old slot of
a host ends there, because its process stays.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mobius.adapters.fleet.hosts import Hosts
from mobius.adapters.traffic import haproxy_kept as kept_file
from mobius.adapters.traffic.haproxy_backend import HaproxyBackend
from mobius.adapters.traffic.haproxy_checks import haproxy_checks, split_check
from mobius.adapters.traffic.haproxy_commands import MOST_WEIGHT, Wanted, holds
from mobius.adapters.traffic.haproxy_kept import Kept, without_server
from mobius.adapters.traffic.haproxy_reading import Row, Server
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
        self._file = root / "run" / "haproxy.json"

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
        self._refuse(weights)
        began = self._clock.monotonic()
        with self._changing() as kept:
            first = kept.generation + 1
            present = self._hosts.present()
            absent = [name for name in self._hosts.all if name not in present]
            size = self._hosts.settings.max_parallel
            batches = [present[i : i + size] for i in range(0, len(present), size)]
            with self._told(weights):
                for number, batch in enumerate(batches):
                    if number and self._hosts.settings.pause_s:
                        self._clock.wait(self._hosts.settings.pause_s)
                    kept = self._bring(kept, weights, batch, absent)
                    self._keep(kept)
        took_ms = (self._clock.monotonic() - began) * 1000
        generation = min(first, kept.generation)
        return Switched(generation, took_ms, kept.failed_since(generation))

    def drain(self, slot: str, timeout_s: float) -> int:
        servers = self._backend.servers()
        if any(server.share for _, server in self._of(slot, servers)):
            raise MobiusError(f"slot {slot} still gets new requests, so it cannot be drained", "switch first")
        self._look()
        until, cut = self._clock.monotonic() + timeout_s, 0
        for name, _ in self._of(slot, servers):
            if not self._backend.wait_until_empty(name, until):
                self._look()
                cut += self._backend.cut(name)
                self._look(forgiven=name)
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
        kept, rows = self._look()
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
        kept, _ = self._look()
        return kept.failed_since(since)

    def host_counters(self, slot: str) -> Mapping[str, Counters]:
        """What each host answered in this slot since HAProxy started, by the host's name."""
        rows = self._backend.look().rows
        return {
            host: Counters(count.requests, count.errors, (), rows[server_name(slot, host)].in_flight)
            for host in self._hosts.all
            if (row := rows.get(server_name(slot, host))) is not None
            for count in (row.count,)
        }

    # -- a change --------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Kept]:
        with kept_file.locked(self._root / "run"):
            yield kept_file.load(self._file)

    @contextlib.contextmanager
    def _told(self, weights: Mapping[str, int]) -> Iterator[None]:
        there = {p.slot: p.release_id for p in self._processes() if weights.get(p.slot)}
        with switching(self._root, via=VIA, weights=dict(weights), releases=there):
            yield

    def _refuse(self, weights: Mapping[str, int]) -> None:
        for slot, weight in weights.items():
            if slot not in SLOTS:
                raise MobiusError(
                    f"there is no slot {slot} to send traffic to", "mobius status names the slots"
                )
            if not 0 <= weight <= MOST_WEIGHT:
                raise MobiusError(
                    f"slot {slot} cannot have the weight {weight} in HAProxy", f"give 0 to {MOST_WEIGHT}"
                )

    def _bring(
        self, kept: Kept, weights: Mapping[str, int], batch: Sequence[str], absent: Sequence[str]
    ) -> Kept:
        """One write for the hosts of the batch, and for those that are out."""
        servers = self._backend.servers()
        wanted = {
            server_name(slot, host): Wanted(weights.get(slot, 0) if host in batch else 0)
            for host in (*batch, *absent)
            for slot in SLOTS
        }
        missing = [name for name in wanted if name not in servers]
        if missing:
            raise MobiusError(
                f"HAProxy's backend {self._place.backend} has no server {missing[0]}",
                "include what `mobius traffic snippet` prints, and reload HAProxy once",
            )
        releases = self._releases(wanted)
        if holds(servers, wanted):
            self._backend.keep_state()
            return replace(kept, releases={**kept.releases, **releases})
        shares = {name: server.share for name, server in servers.items() if name in wanted}
        before, after = self._backend.carry_out(servers, wanted)
        kept = kept.seen(before.process, before.rows).seen(after.process, after.rows)
        gap = without_server(before.rows, after.rows) if any(shares.values()) else 0
        return kept.switched(shares, {name: one.weight for name, one in wanted.items()}, releases, gap)

    def _releases(self, wanted: Mapping[str, Wanted]) -> dict[str, str]:
        there = {server_name(p.slot, p.host): p.release_id for p in self._processes()}
        return {name: there[name] for name, one in wanted.items() if one.weight and name in there}

    def _processes(self) -> list[ProcessStatus]:
        try:
            return [p for p in self._target.processes() if p.kind == "web"]
        except MobiusError:
            return []

    # -- what is there ---------------------------------------------------------------------------------------

    def _of(self, slot: str, servers: Mapping[str, Server]) -> list[tuple[str, Server]]:
        names = [server_name(slot, host) for host in self._hosts.all]
        return [(name, servers[name]) for name in names if name in servers]

    def _look(self, *, forgiven: str = "") -> tuple[Kept, Mapping[str, Row]]:
        if not self._file.exists():
            self._backend.servers()  # nothing was counted, unless nobody can say
            return Kept(), {}
        with self._changing() as kept:
            look = self._backend.look()
            kept = kept.seen(look.process, look.rows, forgiven=forgiven)
            self._keep(kept)
            return kept, look.rows

    def _keep(self, kept: Kept) -> None:
        kept_file.save(self._file, kept)
