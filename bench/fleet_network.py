"""A fleet's hosts and the lines to them in a simulated clock: latencies with tails, hosts that die, cut lines."""

from __future__ import annotations

import contextlib
import json
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.fleet_clock import SimulatedClock
from mobius.adapters.fleet.line import HostLost, judged
from mobius.adapters.fleet.memory import MemoryHost

TAIL, HELD_UP = 0.01, 10  # of what travels is held up, and how many times as long it takes then
AT_ONCE_S = 0.005  # what an agent takes to write something down
NO_ROUTE_S = 10.0  # ssh's ConnectTimeout, as mobius sets it
SILENCE_S = 15.0  # three times ServerAliveInterval: then ssh gives a line up


class Killed(BaseException):
    """kill -9 of the deployer: nothing catches it, and nothing more is done."""


class WatchEnded(Killed):
    """The same while it only watched."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """How long things take, in seconds: medians of lognormal times with this `spread`. `release_bytes` go to each host,
    at most `host_bps` bits a second to one and `uplink_bps` to all at once."""

    round_trip_s: float = 0.04
    connect_s: float = 0.4  # ssh's handshake, and an interpreter that starts on the host
    start_s: float = 0.4
    stop_s: float = 1.0
    up_s: float = 3.0  # from started to healthy
    spread: float = 0.5
    release_bytes: int = 50 << 20
    host_bps: float = 1e9
    uplink_bps: float = 1e9


@dataclass(frozen=True, slots=True)
class Outage:
    """From `begin` to `end` (simulated seconds) nobody reaches the host. "cut": it goes on meanwhile. "off": it has no
    power, and when it has again, its keeper starts what it was told."""

    begin: float
    end: float
    kind: Literal["cut", "off"]


@dataclass
class Traffic:
    """What went over the lines to one host."""

    questions: int = 0
    connections: int = 0
    sent_bytes: int = 0
    heard_bytes: int = 0


@dataclass
class SimulatedHost:
    """What the agent keeps there, when its web processes are up, and its bad hours."""

    memory: MemoryHost
    outages: list[Outage] = field(default_factory=list)
    traffic: Traffic = field(default_factory=Traffic)
    up_at: dict[str, float] = field(default_factory=dict)  # slot -> when its web process answers

    def outage(self, at: float) -> Outage | None:
        """The one that it is in."""
        return next((one for one in self.outages if one.begin <= at < one.end), None)

    def release_in(self, slot: str) -> str:
        """Which release its web process is of, "" for none."""
        return next(
            (one["release"] for key, one in self.memory.seen.items() if key.startswith(f"{slot}/")), ""
        )


class Network:
    """The hosts by name, their lines, and the clock. `next_effect` may raise `Killed`: it is called before and after
    whatever has an effect or an answer."""

    def __init__(self, names: Sequence[str], seed: int, conditions: Conditions, at_once: int) -> None:
        self.clock = SimulatedClock()
        self.conditions = conditions
        self.random = random.Random(seed)
        self.hosts = {name: SimulatedHost(MemoryHost(name)) for name in names}
        self.next_effect: Callable[[], None] = lambda: None
        self.world_s = 0.0  # processor time of what is only simulated
        self._at_once = at_once

    def line_to(self, name: str) -> SimulatedLine:
        """A line of its own; not open yet."""
        return SimulatedLine(self, self.hosts[name])

    def takes(self, median_s: float) -> float:
        """One such time."""
        return self.random.lognormvariate(math.log(median_s), self.conditions.spread)

    def travels(self, median_s: float) -> float:
        """The same over the network, which holds some things up."""
        return self.takes(median_s) * (HELD_UP if self.random.random() < TAIL else 1)

    def sending_s(self) -> float:
        """A release to one host, while `max_parallel` others get it, too."""
        shared = self.conditions.uplink_bps / min(self._at_once, len(self.hosts))
        return self.conditions.release_bytes * 8 / min(self.conditions.host_bps, shared)

    @contextlib.contextmanager
    def apart(self) -> Iterator[None]:
        """What is done inside of it is done by hosts, and not by the deployer."""
        began = time.process_time()
        try:
            yield
        finally:
            self.world_s += time.process_time() - began


class SimulatedLine:
    """As the line over ssh: opened with the first question, opened anew after it broke, lost where nobody answers."""

    def __init__(self, network: Network, host: SimulatedHost) -> None:
        self._network = network
        self._host = host
        self._is_open = False

    def ask(
        self,
        verb: str,
        *,
        within_s: float = 30.0,
        stream: Callable[[], Iterator[bytes]] | None = None,
        **asked: Any,
    ) -> Mapping[str, Any]:
        """The answer after its time. Raises `HostLost`, before or after the host has done what it was told."""
        question = json.dumps({"verb": verb, **asked})
        with self._network.apart():
            self._network.next_effect()
            answer = self._answer(question, verb, within_s, bool(stream))
            self._network.next_effect()
        return judged(self._host.memory.name, json.loads(answer))

    def close(self) -> None:
        """Ends the line."""
        self._is_open = False

    def _answer(self, question: str, verb: str, within_s: float, sends: bool) -> str:
        network, host, clock = self._network, self._host, self._network.clock
        self._open()
        until = clock.at + within_s
        way_s = network.travels(network.conditions.round_trip_s) / 2
        clock.wait(way_s + (network.sending_s() if sends else 0.0))
        self._lost_if_away(until)
        host.traffic.questions += 1
        host.traffic.sent_bytes += len(question) + (network.conditions.release_bytes if sends else 0)
        before = {slot: host.release_in(slot) for slot in ("blue", "green")}
        told = host.memory.answer(json.loads(question))
        clock.wait(self._work_s(verb, told))
        for slot, release_id in before.items():
            if host.release_in(slot) != release_id:
                host.up_at[slot] = clock.at + network.takes(network.conditions.up_s)
        answer = json.dumps(told)
        clock.wait(way_s)
        self._lost_if_away(until)
        host.traffic.heard_bytes += len(answer)
        return answer

    def _open(self) -> None:
        if self._is_open:
            return
        if self._host.outage(self._network.clock.at):
            self._network.clock.wait(NO_ROUTE_S)
            raise self._lost("connection timed out")
        self._network.clock.wait(self._network.travels(self._network.conditions.connect_s))
        self._host.traffic.connections += 1
        self._is_open = True

    def _lost_if_away(self, until: float) -> None:
        clock = self._network.clock
        if clock.at > until:
            clock.at = until
            raise self._lost("no answer in time")
        if self._host.outage(clock.at):
            clock.wait(min(SILENCE_S, until - clock.at))
            raise self._lost("the line broke")

    def _work_s(self, verb: str, told: Mapping[str, Any]) -> float:
        conditions = self._network.conditions
        times_s = {
            "start": conditions.start_s,
            "stop": conditions.stop_s if told.get("stopped") else AT_ONCE_S,
        }
        return self._network.takes(times_s.get(verb, AT_ONCE_S))

    def _lost(self, how: str) -> HostLost:
        self._is_open = False
        return HostLost(f"{self._host.memory.name} is not reached: {how}", "mobius resume, or mobius status")
