"""The supervisor's side of the front door: holds the listening sockets, keeps one door process on them, and
tells it (and an older one that still leaves) what to do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from mobius.host.children import MARK_ROOT, MARK_SPAWN, Command, find_marked
from mobius.host.control import ask_async
from mobius.host.counters import add_snapshots, empty_snapshot, without_in_flight
from mobius.host.door import server_context
from mobius.host.kept import Kept, Life
from mobius.host.messages import DoorStatus
from mobius.host.protocol import HostRefused, HostUnavailable, ask_for_sockets, socket_path
from mobius.host.slots import inherited_environment
from mobius.host.state import write_atomically

READY_WITHIN_S = 10.0
ASK_TIMEOUT_S = 5.0
LEAVE_TIMEOUT_S = 600.0
LONGEST_IDLE_S = 30.0
BIND_AGAIN_S = 1.0
TERM = 15


class OneDoor:
    """One door process, under a name of its own in each of its lives."""

    def __init__(self, doors: Doors, life: Life, name: str) -> None:
        self.doors = doors
        self.name = name
        self.ready = asyncio.Event()
        self.kept = Kept(life, self._command, doors.save, self._ended, first_backoff_s=0.01)
        self.is_leaving = False

    @property
    def control(self) -> Path:
        return socket_path(self.doors.run, f"{self.name}.sock")

    async def ask(self, op: str, within_s: float = ASK_TIMEOUT_S, **params: Any) -> dict[str, Any]:
        return await ask_async(self.control, op, params, timeout_s=within_s)

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "life": self.kept.life.as_json()}

    def _command(self) -> Command:
        doors = self.doors
        self.ready.clear()
        doors.serial += 1
        self.name = f"door-{doors.serial}"
        fds = tuple(one.fileno() for one in doors.listening)
        argv = [sys.executable, "-P", "-m", "mobius.host.door", "--fds", ",".join(map(str, fds))]
        argv += ["--run", str(doors.run), "--name", self.name, "--control", str(self.control)]
        env = {**inherited_environment(), MARK_ROOT: str(doors.root), "MOBIUS_DOOR": self.name}
        doors.soon(self.configure_when_up(self.name))
        return Command(tuple(argv), str(doors.root), env, doors.run / "door.log", fds)

    async def configure_when_up(self, name: str) -> None:
        """Tells a new door process what holds; it accepts from then on."""
        give_up_at = time.monotonic() + READY_WITHIN_S
        while self.name == name and not self.is_leaving:
            try:
                async with self.doors.lock:
                    await self.ask("configure", **self.doors.configuration())
                self.ready.set()
                return
            except HostUnavailable:
                if time.monotonic() > give_up_at:
                    self.kept.kill_and_restart()
                    return
                await asyncio.sleep(0.01)

    def _ended(self, code: int | None) -> bool:
        self.ready.clear()
        self.doors.absorb_counters(self.name, code)
        with contextlib.suppress(OSError):
            self.control.unlink()
        if self.is_leaving:
            self.doors.leaving = [one for one in self.doors.leaving if one is not self]
        return not self.is_leaving


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
        self._tasks: set[asyncio.Task[Any]] = set()

    # -- what an operator asks -------------------------------------------------------------------------------

    async def configure(self, config: dict[str, Any]) -> None:
        """Opens the door, or changes an open one. Raises HostRefused, with nothing changed, for a port that
        is taken or a certificate that cannot be used."""
        if config["tls"] is not None:
            server_context(config["tls"]["cert"], config["tls"]["key"])
        moves = self.config is None or self.config["listen"] != config["listen"] or not self.listening
        if moves:
            fresh = bind_listening(config["listen"])
            old, self.listening = self.listening, [fresh]
            self.config = config
            self.save()
            await self.replace()
            for one in old:
                one.close()
            return
        self.config = config
        self.save()
        await self.push("configure", lambda: self.configuration())

    async def replace(self) -> tuple[int | None, int]:
        """A new door process takes over; the old one leaves. Returns both pids."""
        old = self.current
        fresh = OneDoor(self, Life(), "")
        self.current = fresh
        if old is not None:
            old.is_leaving = True
            self.leaving.append(old)
        fresh.kept.start()
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await fresh.ready.wait()
        except TimeoutError:
            raise HostUnavailable(
                "the new door process did not come up", f"see {self.run / 'door.log'}"
            ) from None
        old_pid = None
        if old is not None:
            old_pid = old.kept.life.pid
            old.kept.life.wanted = False
            await self._send_off(old)
        pid = fresh.kept.life.pid
        assert pid is not None
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
        """The sums of all doors that were and are."""
        total = self.sums
        for door in (self.current, *self.leaving):
            if door is not None and door.kept.is_running:
                with contextlib.suppress(HostUnavailable):
                    total = add_snapshots(total, await door.ask("counters"))
        pid = self.current.kept.life.pid if self.current else None
        return {
            **total,
            "door_pid": pid,
            "since": self.since,
            "generation": self.generation,
            "incomplete": self.incomplete,
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
            line.close()

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

    def absorb_counters(self, name: str, code: int | None) -> None:
        """Adds what a door left behind to the sums; without its last word something may be missing."""
        left = self.run / f"{name}.counters.json"
        try:
            counts = json.loads(left.read_bytes())
        except (FileNotFoundError, ValueError):
            self.incomplete = True
            return
        self.incomplete = self.incomplete or not counts.pop("final", False)
        self.sums = add_snapshots(self.sums, without_in_flight(counts))
        write_atomically(
            self.run / "counters.json",
            {"since": self.since, "sums": self.sums, "incomplete": self.incomplete},
        )
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
        if saved["current"]:
            self.current = OneDoor(self, Life(**saved["current"]["life"]), saved["current"]["name"])
        for one in saved["leaving"]:
            door = OneDoor(self, Life(**one["life"]), one["name"])
            door.is_leaving = True
            self.leaving.append(door)
        self._read_sums()

    def _read_sums(self) -> None:
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
            kept = json.loads((self.run / "counters.json").read_bytes())
            self.since, self.sums, self.incomplete = kept["since"], kept["sums"], kept["incomplete"]

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


def bind_listening(listen: str) -> socket.socket:
    """A listening TCP socket on "host:port". Raises HostRefused, naming who has the port where that is
    known."""
    found = re.fullmatch(r"\[?([^\]]*)\]?:(\d{1,5})", listen)
    if not found or int(found[2]) > 65535:
        raise HostRefused(f"the door cannot listen on {listen!r}", "write it as 127.0.0.1:5001")
    host, port = found[1] or "0.0.0.0", int(found[2])
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        line = socket.socket(family, kind, proto)
    except OSError as error:
        raise HostRefused(f"the door cannot listen on {listen}: {error}") from error
    try:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        line.bind(address)
        line.listen(1024)
    except OSError as error:
        line.close()
        holder = _holder_of(port)
        by = f" by {holder}" if holder else ""
        taken = f"port {port} is taken{by}" if error.errno == 98 or holder else str(error.strerror)
        raise HostRefused(
            f"the door cannot listen on {listen}: {taken}", "stop that process, or choose another port"
        ) from error
    line.setblocking(False)
    return line


def _holder_of(port: int) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
                return f"{psutil.Process(one.pid).name()} (pid {one.pid})"
    return ""
