"""The supervisor's side of the front door: holds the listening sockets, keeps one door process on them, and
tells it (and an older one that still leaves) what to do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mobius.host.children import MARK_ROOT, MARK_SPAWN, find_marked
from mobius.host.counters import add_snapshots, answered, empty_snapshot, without_in_flight
from mobius.host.kept import Life
from mobius.host.listening import bind_listening, close_listening, server_context
from mobius.host.messages import DoorStatus, build
from mobius.host.one_door import ASK_TIMEOUT_S, READY_WITHIN_S, OneDoor
from mobius.host.protocol import HostRefused, HostUnavailable, ask_for_sockets
from mobius.host.state import write_atomically

LEAVE_TIMEOUT_S = 600.0
LONGEST_IDLE_S = 30.0
BIND_AGAIN_S = 1.0
TERM = 15


class Doors:
    """The front door of one root, as the supervisor holds it."""

    def __init__(self, root: Path, save: Callable[[], None], upstreams: Callable[[], dict[str, Any]]) -> None:
        self.root = root
        self.run = root / "run"
        self.save = save
        self.upstreams = upstreams
        self.lock = asyncio.Lock()  # one change at a time reaches the door processes
        self.listening: list[socket.socket] = []
        self.config: dict[str, Any] | None = None
        self.weights: dict[str, int] = {}
        self.generation = 0
        self.switched_at = 0.0
        self.hold: dict[str, Any] | None = None
        self.serial = 0
        self.since = time.time()
        self.sums = empty_snapshot()
        self.incomplete = False
        self.current: OneDoor | None = None
        self.leaving: list[OneDoor] = []
        self.told_upstreams: dict[str, dict[str, Any]] = {}  # by a door that outlived our state
        self._tasks: set[asyncio.Task[Any]] = set()

    # -- what an operator asks -------------------------------------------------------------------------------

    async def configure(self, config: dict[str, Any]) -> None:
        """Opens the door, or changes an open one. Raises HostRefused, with nothing changed, for a port that
        is taken or a certificate that cannot be used."""
        if config["tls"] is not None:
            server_context(config["tls"]["cert"], config["tls"]["key"])
        if self.config is not None and self.config["listen"] == config["listen"] and self.listening:
            self.config = config
            self.save()
            await self.push("configure", self.configuration)
            return
        fresh = bind_listening(config["listen"])
        before = (self.config, self.listening)
        self.config, self.listening = config, [fresh]
        try:
            await self.replace()
        except HostUnavailable:
            fresh.close()
            self.config, self.listening = before
            self.save()
            raise
        for line in before[1]:
            close_listening(line)

    async def replace(self) -> tuple[int | None, int]:
        """A new door process takes over; the old one leaves. Returns both pids. Raises HostUnavailable when the
        new one does not come up; then the old one goes on."""
        old, fresh = self.current, OneDoor(self, Life(), "")
        self.current = fresh
        if old is not None:
            old.is_leaving = True  # it accepts until it is told to leave, but is not restarted any more
            self.leaving.append(old)
        fresh.kept.start()
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await fresh.ready.wait()
        except TimeoutError:
            fresh.is_leaving = True
            self.current = old
            if old is not None:
                self.leaving.remove(old)
                old.is_leaving = False
            await fresh.kept.stop(TERM, 1.0)
            raise HostUnavailable(
                "the new door process does not come up, so nothing was changed",
                f"see {self.run / 'door.log'}",
            ) from None
        pid = fresh.kept.life.pid
        assert pid is not None
        if old is None:
            return None, pid
        old_pid = old.kept.life.pid
        old.kept.life.wanted = False
        await self._send_off(old)
        return old_pid, pid

    async def route(self, weights: dict[str, int]) -> tuple[dict[str, int], bool]:
        """Sets the weights, in the state first and then in every door process; the ones before, and whether
        anything changed."""
        previous = self.weights
        wanted = {slot: weight for slot, weight in weights.items() if weight > 0}
        changed = wanted != previous
        if changed:
            self.weights = wanted
            self.generation += 1
            self.switched_at = time.time()
            self.save()
        await self.push(
            "route",
            lambda: {"weights": self.weights, "generation": self.generation, "at": self.switched_at},
        )
        return previous, changed

    async def drain(self, slot: str, timeout_s: float) -> dict[str, Any]:
        """Waits until no door process has a request in flight on this slot."""
        doors = [one for one in (self.current, *self.leaving) if one is not None and one.kept.is_running]
        asked = [one.ask("drain", timeout_s + ASK_TIMEOUT_S, slot=slot, timeout_s=timeout_s) for one in doors]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        total: dict[str, Any] = {"in_flight_left": 0, "cut": 0, "waited_s": 0.0}
        for answer in answers:
            if isinstance(answer, HostUnavailable):
                continue  # that door has just died, and what was in flight there with it
            if isinstance(answer, BaseException):
                raise answer
            total["in_flight_left"] += answer["in_flight_left"]
            total["cut"] += answer["cut"]
            total["waited_s"] = max(total["waited_s"], answer["waited_s"])
        return total

    async def set_hold(self, hold: dict[str, Any]) -> bool:
        """Holds new requests; False when they were held already."""
        already = self.hold is not None
        if not already:
            self.hold = hold
            self.save()
        held = self.hold
        await self.push("hold", lambda: dict(held or {}))
        return not already

    async def release_hold(self) -> int:
        self.hold = None
        self.save()
        answers = await self.push("release_hold", dict)
        return sum(answer.get("released", 0) for answer in answers)

    async def counters(self) -> dict[str, Any]:
        """The sums of all doors that were and are. "partial": one that runs did not answer, or one ended meanwhile."""
        total = absorbed = self.sums
        is_partial = False
        for door in (self.current, *self.leaving):
            if door is not None and door.kept.is_running:
                try:
                    total = add_snapshots(total, await door.ask_counters())
                except HostUnavailable:
                    is_partial = True
        pid = self.current.kept.life.pid if self.current else None
        return {
            **total,
            "door_pid": pid,
            "since": self.since,
            "generation": self.generation,
            "incomplete": self.incomplete,
            "partial": is_partial or self.sums is not absorbed,
        }

    async def status(self) -> DoorStatus | None:
        if self.current is None or self.config is None:
            return None
        seen: dict[str, Any] = {}
        if self.current.ready.is_set():
            with contextlib.suppress(HostUnavailable):
                seen = await self.current.ask("status")
        life = self.current.kept.life
        return DoorStatus(
            pid=life.pid,
            state="serving" if seen else "restarting",
            listen=self.config["listen"],
            generation=self.generation,
            weights=self.weights,
            held=self.hold is not None,
            in_flight=seen.get("in_flight", {}),
            connections=seen.get("connections", 0),
            restarts=life.restarts,
            waiting=seen.get("waiting", 0),
            leaving=tuple(one.kept.life.pid for one in self.leaving if one.kept.life.pid is not None),
        )

    async def close(self) -> None:
        """Closes the door: lets requests in flight finish, for 10 s at most."""
        doors = [one for one in (self.current, *self.leaving) if one is not None]
        for one in doors:
            one.is_leaving = True
        await asyncio.gather(*(one.kept.stop(TERM, 12.0) for one in doors))
        for line in self.listening:
            close_listening(line)

    # -- telling the door processes --------------------------------------------------------------------------

    async def push(self, op: str, params: Callable[[], dict[str, Any]]) -> list[dict[str, Any]]:
        """Asks every door process. One that has just died is no failure: its successor is told everything,
        and this returns when it was."""
        if self.current is None:
            return []
        answers = []
        async with self.lock:
            for door in (self.current, *self.leaving):
                if not door.kept.is_running or not (door.is_leaving or door.ready.is_set()):
                    continue
                extra = {"leaving": True} if op == "configure" and door.is_leaving else {}
                with contextlib.suppress(HostUnavailable):
                    answers.append(await door.ask(op, **params(), **extra))
        if not answers or not self.current.ready.is_set():
            try:
                async with asyncio.timeout(ASK_TIMEOUT_S):
                    await self.current.ready.wait()
            except TimeoutError:
                raise HostUnavailable(
                    "the front door does not come up; what was asked is kept and will hold when it does",
                    f"see {self.run / 'door.log'}",
                ) from None
        return answers

    def upstreams_changed(self) -> None:
        """A slot came, went or moved: the doors are told soon."""
        if self.current is not None:
            self.soon(self.push("upstreams", lambda: {"upstreams": self.upstreams()}))

    def configuration(self) -> dict[str, Any]:
        assert self.config is not None
        wanted = ("listen", "limits", "critical_routes", "trusted_proxies", "expose_release", "tls")
        return {
            **{key: self.config[key] for key in wanted},
            "upstreams": self.upstreams(),
            "weights": self.weights,
            "generation": self.generation,
            "switched_at": self.switched_at,
            "hold": self.hold,
        }

    def soon(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            print(f"door: {error}", file=sys.stderr, flush=True)

    async def _send_off(self, old: OneDoor) -> None:
        assert self.config is not None
        idle_s = min(float(self.config["limits"]["idle_timeout_s"]), LONGEST_IDLE_S)
        with contextlib.suppress(HostUnavailable):
            await old.ask("leave", idle_s=idle_s, timeout_s=LEAVE_TIMEOUT_S)
        self.save()

    # -- counts of doors that are gone -----------------------------------------------------------------------

    def absorb_counters(self, name: str, told: dict[str, Any] | None = None) -> None:
        """Adds what a door left behind to the sums, or what it told last where that is more: sums do not fall below
        what was answered with. Without its last word something may be missing."""
        left = self.run / f"{name}.counters.json"
        counts = told
        with contextlib.suppress(FileNotFoundError, ValueError):
            written = json.loads(left.read_bytes())
            counts = written if told is None or answered(written) >= answered(told) else told
        is_final = counts is not None and counts.get("final", False)
        self.incomplete = self.incomplete or not is_final
        if counts is None:
            return
        self.sums = add_snapshots(self.sums, without_in_flight(counts))
        kept = {"sums": self.sums, "incomplete": self.incomplete}
        with contextlib.suppress(OSError):  # a full disk: they are kept in memory
            write_atomically(self.run / "counters.json", kept)
            left.unlink(missing_ok=True)

    # -- what the next supervisor must know ------------------------------------------------------------------

    def as_json(self) -> dict[str, Any]:
        return {
            "config": self.config,
            "weights": self.weights,
            "generation": self.generation,
            "switched_at": self.switched_at,
            "hold": self.hold,
            "serial": self.serial,
            "since": self.since,
            "current": self.current.as_json() if self.current else None,
            "leaving": [one.as_json() for one in self.leaving],
        }

    def restore(self, saved: dict[str, Any]) -> None:
        self.config = saved["config"]
        self.weights = saved["weights"]
        self.generation = saved["generation"]
        self.switched_at = saved["switched_at"]
        self.hold = saved["hold"]
        self.serial = saved["serial"]
        self.since = saved.get("since", self.since)
        if saved["current"]:
            self.current = OneDoor(self, build(Life, saved["current"]["life"]), saved["current"]["name"])
        for one in saved["leaving"]:
            door = OneDoor(self, build(Life, one["life"]), one["name"])
            door.is_leaving = True
            self.leaving.append(door)
        self._read_sums()

    def _read_sums(self) -> None:
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
            kept = json.loads((self.run / "counters.json").read_bytes())
            self.sums, self.incomplete = kept["sums"], kept["incomplete"]

    async def find_lost(self) -> list[str]:
        """After a loss of the state: finds the living door by its mark and takes its word for what holds.
        Says what was found."""
        self._read_sums()
        found = []
        for process in find_marked(MARK_ROOT, str(self.root)):
            env = process.environ()
            name = env.get("MOBIUS_DOOR", "")
            if not name:
                continue
            life = Life(wanted=True, token=env.get(MARK_SPAWN, ""), started_at=process.create_time())
            door = OneDoor(self, life, name)
            self.serial = max(self.serial, int(name.rpartition("-")[2]))
            try:
                told = await door.ask("describe")
            except HostUnavailable:
                continue
            if told["leaving"] or told["config"] is None:
                door.is_leaving = True
                self.leaving.append(door)
                continue
            self.current = door
            self.config, self.hold = told["config"], told["hold"]
            self.weights, self.generation = told["weights"], told["generation"]
            self.switched_at = told["switched_at"]
            self.told_upstreams = told.get("upstreams", {})
            found.append(f"the front door on {told['config']['listen']} was found serving and taken over")
        return found

    async def adopt(self, inherited: list[socket.socket]) -> None:
        """Finds the door again, with its listening sockets: inherited over an upgrade, asked from the living
        door, or bound anew when both it and the supervisor were killed."""
        for one in list(self.leaving):
            one.kept.adopt()
        if self.current is None or self.config is None:
            return
        self.listening = inherited
        self.current.kept.life.wanted = True
        if not self.listening and self.current.kept.recognise():
            with contextlib.suppress(HostUnavailable):
                self.listening = await asyncio.to_thread(
                    ask_for_sockets, self.current.control, 1, timeout_s=ASK_TIMEOUT_S
                )
        if not self.listening:
            self._bind_again()
        else:
            self._adopt_current()

    def _adopt_current(self) -> None:
        assert self.current is not None
        if self.current.kept.adopt():
            self.soon(self.current.configure_when_up(self.current.name))

    def _bind_again(self) -> None:
        """Both the door and its supervisor were killed. Somebody else may have the port by now; then it is tried
        again until it is free: the slots must not go down for that."""
        assert self.config is not None
        try:
            self.listening = [bind_listening(self.config["listen"])]
        except HostRefused as refusal:
            print(refusal.message, file=sys.stderr, flush=True)
            asyncio.get_running_loop().call_later(BIND_AGAIN_S, self._bind_again)
        else:
            self._adopt_current()
