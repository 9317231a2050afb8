"""One backend of a running HAProxy: how its servers stand, what they counted, and changing it in one write."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mobius.adapters.clocks.system import SystemClock
from mobius.adapters.traffic.haproxy_commands import Wanted, commands_to_reach, holds
from mobius.adapters.traffic.haproxy_kept import write_whole
from mobius.adapters.traffic.haproxy_reading import (
    Row,
    Server,
    read_process,
    read_servers,
    read_statistics,
    same_for_a_start,
)
from mobius.adapters.traffic.haproxy_socket import Asked, RuntimeApi
from mobius.errors import MobiusError
from mobius.model.haproxy import SLOTS, HaproxyPlace
from mobius.ports import Clock

EMPTY_LOOKS = 2  # a request that was just given to a server is counted a moment later
CUT_WITHIN_S = 3.0
INFO = ("show", "info")


@dataclass(frozen=True, slots=True)
class Look:
    """What this process of HAProxy had counted at one moment, by server."""

    process: str
    rows: Mapping[str, Row]
    servers: Mapping[str, Server] = field(default_factory=dict)  # how they stood then


class HaproxyBackend:
    """Asks and tells it on HAProxy's runtime API. Every method raises `MobiusError` when it does not answer."""

    def __init__(self, place: HaproxyPlace, api: Asked | None = None, clock: Clock | None = None) -> None:
        self.name = place.backend
        self.ours = frozenset(place.servers)
        self.api = api or RuntimeApi(place.socket)
        self._clock = clock or SystemClock()
        self._state_file = place.state_file
        self._stat = ("show", "stat", self.name, "6", "-1")  # the backend (2) and its servers (4)
        self._state = ("show", "servers", "state", self.name)

    def servers(self) -> Mapping[str, Server]:
        """How they stand now."""
        return read_servers(self.api.ask(self._state)[0], self.name)

    def look(self) -> Look:
        """The counters. The state file is put right where it says something else than what holds."""
        info, stat, state = self.api.ask(INFO, self._stat, self._state)
        self._keep_state(state)
        return Look(read_process(info), read_statistics(stat, self.name), read_servers(state, self.name))

    def as_before(self, look: Look, stood: Mapping[str, Wanted]) -> Look:
        """The same look, once the servers stand as they did in the process before: a state file that was older, or
        lost, brought the new one up otherwise. Raises `MobiusError` when that cannot be had."""
        wanted = {name: one for name, one in stood.items() if name in look.servers}
        return look if holds(look.servers, wanted) else self.carry_out(look.servers, wanted)[1]

    def in_flight(self, slot: str) -> int:
        """Requests and tunnels on the server, and what queues for it."""
        rows = read_statistics(self.api.ask(self._stat)[0], self.name)
        return rows[slot].in_flight if slot in rows else 0

    def carry_out(self, servers: Mapping[str, Server], wanted: Mapping[str, Wanted]) -> tuple[Look, Look]:
        """One write of all commands, between two looks at the counters; then HAProxy's own word of how its servers
        stand is what it starts from next time. Raises `MobiusError` when they do not stand as wanted."""
        commands = commands_to_reach(self.name, servers, wanted)
        told = self.api.ask(INFO, self._stat, *commands, self._stat, self._state)
        self._write_state(told[-1])
        now = read_servers(told[-1], self.name)
        if not holds(now, wanted):
            said = "; ".join(answer for answer in told[2:-2] if answer) or "nothing"
            raise MobiusError(
                f"HAProxy did not do what it was told: traffic goes to {_in_words(now)}",
                "look at its log, then: mobius traffic check",
                details=(f"it said: {said}",),
            )
        process = read_process(told[0])
        before, after = (read_statistics(text, self.name) for text in (told[1], told[-2]))
        return Look(process, before, servers), Look(process, after, now)

    def wait_until_empty(self, slot: str, until: float) -> bool:
        """Whether nothing is in flight on the server before `until` (monotonic seconds)."""
        return not self.wait_until_all_empty([slot], until)

    def wait_until_all_empty(self, names: Sequence[str], until: float) -> list[str]:
        """The same of all these servers with one look at a time; those that are not empty in time."""
        empty, pause_s = dict.fromkeys(names, 0), 0.01
        while True:
            rows = read_statistics(self.api.ask(self._stat)[0], self.name)
            for name in names:
                empty[name] = empty[name] + 1 if name not in rows or not rows[name].in_flight else 0
            left = [name for name in names if empty[name] < EMPTY_LOOKS]
            if not left:
                return []
            if self._clock.monotonic() > until and not any(empty[name] for name in left):
                return left
            self._clock.wait(pause_s)
            pause_s = min(0.1, pause_s * 1.5)

    def cut(self, slot: str) -> int:
        """Ends what is in flight on the server; how much that was."""
        left = self.in_flight(slot)
        self.api.ask(("shutdown", "sessions", "server", f"{self.name}/{slot}"))
        self.wait_until_empty(slot, self._clock.monotonic() + CUT_WITHIN_S)
        return left

    def keep_state(self) -> None:
        """The file HAProxy starts from says what holds, also after a kill between a switch and its writing."""
        self._keep_state(self.api.ask(self._state)[0])

    def _keep_state(self, state: str) -> None:
        try:
            kept = read_servers(self._state_file.read_text(errors="replace"), self.name)
        except (OSError, MobiusError, KeyError, ValueError):
            kept = {}
        if not same_for_a_start(kept, read_servers(state, self.name)):
            self._write_state(state)

    def _write_state(self, state: str) -> None:
        """For HAProxy's next start. One that cannot be written is taken away: with an old one, HAProxy would send
        requests to a release that is not live any more."""
        try:
            write_whole(self._state_file, state.rstrip("\n") + "\n", 0o644, durable=True)
        except OSError:
            with contextlib.suppress(OSError):
                self._state_file.unlink()


def _in_words(servers: Mapping[str, Server]) -> str:
    shares = [(slot, servers[slot].share) for slot in SLOTS if slot in servers and servers[slot].share]
    return ", ".join(f"{slot} {share}" for slot, share in shares) or "nothing"
