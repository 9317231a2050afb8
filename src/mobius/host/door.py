"""The front door as a process: accepts clients on the sockets it inherited, and does what its supervisor
says.

Started by the supervisor only. It outlives one: it goes on serving by the last word it got, and the next
supervisor finds it by its control socket and asks it for the listening socket.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import json
import os
import signal
import socket
import ssl
import sys
import time
from pathlib import Path
from typing import Any

from mobius.host.control import bind_control, serve
from mobius.host.door_client import ClientConnection
from mobius.host.door_clock import end_overdue
from mobius.host.door_traffic import POOL_IDLE_S, Hold, Traffic
from mobius.host.listening import server_context
from mobius.host.messages import Limits, build
from mobius.host.protocol import Answer, HostRefused

ACCEPTS_AT_ONCE = 64
OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Door:
    """One door process: its listening sockets, its traffic, and the control socket it obeys."""

    def __init__(self, listening: list[socket.socket], run: Path, name: str) -> None:
        self.loop = asyncio.get_running_loop()
        self.traffic = Traffic(self.loop)
        self.listening = listening
        self.counters_file = run / f"{name}.counters.json"
        self.gone = asyncio.Event()
        self.accepting = False
        self.tls: ssl.SSLContext | None = None
        self.tasks: set[asyncio.Task[Any]] = set()
        self.written = ""
        self.config: dict[str, Any] | None = None
        self.switched_at = 0.0
        self.upstreams: dict[str, dict[str, Any]] = {}

    async def obey(self, op: str, params: dict[str, Any]) -> Answer:
        """Does what the supervisor asks; its ops are the methods named `do_…`."""
        do = getattr(self, f"do_{op}", None)
        if do is None:
            raise HostRefused(f"the door does not know {op}")
        answer: Answer = await do(**params)
        return answer

    # -- what the supervisor may ask -------------------------------------------------------------------------

    async def do_configure(
        self,
        *,
        listen: str,
        limits: dict[str, Any],
        critical_routes: list[str],
        trusted_proxies: list[str],
        expose_release: bool,
        tls: dict[str, str] | None,
        upstreams: dict[str, dict[str, Any]],
        weights: dict[str, int],
        generation: int,
        switched_at: float,
        hold: dict[str, Any] | None,
        leaving: bool = False,
    ) -> Answer:
        """Takes over this whole state, and accepts from now on."""
        self.tls = None if tls is None else server_context(tls["cert"], tls["key"])
        self.config = {
            "listen": listen, "limits": limits, "critical_routes": critical_routes, "tls": tls,
            "trusted_proxies": trusted_proxies, "expose_release": expose_release,
        }  # fmt: skip
        traffic = self.traffic
        traffic.limits = build(Limits, limits)
        traffic.set_routes(critical_routes)
        traffic.trusted = frozenset(trusted_proxies)
        traffic.expose_release = expose_release
        self.upstreams = upstreams
        traffic.set_upstreams(upstreams)
        traffic.set_weights(weights, generation, switched_at)
        self.switched_at = switched_at
        if hold is None:
            await self.do_release_hold()
        elif traffic.hold is None:
            await self.do_hold(**hold)
        if not leaving and not traffic.leaving:
            self._accept_again()
        return {}

    async def do_upstreams(self, *, upstreams: dict[str, dict[str, Any]]) -> Answer:
        self.upstreams = upstreams
        self.traffic.set_upstreams(upstreams)
        return {}

    async def do_route(self, *, weights: dict[str, int], generation: int, at: float) -> Answer:
        self.traffic.set_weights(weights, generation, at)
        self.switched_at = at
        return {}

    async def do_drain(self, *, slot: str, timeout_s: float) -> Answer:
        upstream = self.traffic.upstreams.get(slot)
        started = self.loop.time()
        cut = 0
        if upstream is not None:
            upstream.close_idle()
            if upstream.in_flight:
                waiter: asyncio.Future[None] = self.loop.create_future()
                upstream.drained.append(waiter)
                await asyncio.wait([waiter], timeout=timeout_s)
                upstream.drained.remove(waiter)
            for exchange in list(upstream.in_flight):
                cut += 1
                exchange.client.cut(exchange)
            upstream.close_idle()
        left = len(upstream.in_flight) if upstream is not None else 0
        return {"in_flight_left": left, "cut": cut, "waited_s": self.loop.time() - started}

    async def do_hold(self, *, until: float, max_requests: int, max_bytes: int) -> Answer:
        if self.traffic.hold is None:
            self.traffic.hold = hold = Hold(until, max_requests, max_bytes)
            hold.timer = self.loop.call_later(max(until - time.time(), 0), self._expire_hold, hold)
        return {}

    async def do_release_hold(self) -> Answer:
        released = self.traffic.release_hold()
        return {"released": released}

    async def do_counters(self) -> Answer:
        return self.traffic.snapshot()

    async def do_status(self) -> Answer:
        traffic = self.traffic
        return {
            "pid": os.getpid(),
            "connections": len(traffic.clients),
            "in_flight": {slot: len(one.in_flight) for slot, one in traffic.upstreams.items()},
            "waiting": len(traffic.hold.waiting) if traffic.hold is not None else 0,
            "generation": traffic.generation,
            "leaving": traffic.leaving,
        }

    async def do_describe(self) -> Answer:
        """Everything it was told, for a supervisor that has lost its own state."""
        hold = self.traffic.hold
        return {
            "config": self.config,
            "weights": dict(self.traffic.weights),
            "generation": self.traffic.generation,
            "switched_at": self.switched_at,
            "upstreams": self.upstreams,
            "hold": None if hold is None else hold.as_json(),
            "leaving": self.traffic.leaving,
        }

    async def do_leave(self, *, idle_s: float, timeout_s: float) -> Answer:
        """Accepts no more, lets each connection finish, and ends the process."""
        self._keep(self.loop.create_task(self._leave(idle_s, timeout_s)))
        return {}

    # -- accepting -------------------------------------------------------------------------------------------

    def _accept_again(self) -> None:
        if not self.accepting and not self.traffic.leaving:
            self.accepting = True
            for one in self.listening:
                self.loop.add_reader(one, self._accept, one)

    def _stop_accepting(self) -> None:
        if self.accepting:
            self.accepting = False
            for one in self.listening:
                self.loop.remove_reader(one)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_AT_ONCE):
            if len(self.traffic.clients) >= self.traffic.limits.connections:
                self._stop_accepting()  # they wait in the kernel's queue; the next tick looks again
                return
            try:
                line, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in OUT_OF_FILES:
                    raise
                self._stop_accepting()
                return
            line.setblocking(False)
            self._keep(self.loop.create_task(self._attend(line)))

    async def _attend(self, line: socket.socket) -> None:
        tls = self.tls
        try:
            await self.loop.connect_accepted_socket(
                lambda: ClientConnection(self.traffic, tls is not None),
                line,
                ssl=tls,
                ssl_handshake_timeout=self.traffic.limits.header_timeout_s if tls else None,
            )
        except OSError:  # a handshake that failed or a client that left (ssl.SSLError is an OSError)
            line.close()

    # -- time ------------------------------------------------------------------------------------------------

    async def keep_time(self) -> None:
        """Once a second: ends what has gone on for too long, and writes the counts down."""
        while True:
            await asyncio.sleep(1.0)
            now = self.loop.time()
            for client in list(self.traffic.clients):
                end_overdue(client, now)
            for upstream in self.traffic.upstreams.values():
                stale = [one for one in upstream.pool if one.idle_since + POOL_IDLE_S < now]
                upstream.pool = [one for one in upstream.pool if one.idle_since + POOL_IDLE_S >= now]
                for connection in stale:
                    connection.close()
            if len(self.traffic.clients) < self.traffic.limits.connections:
                self._accept_again()
            self.write_counters(final=False)

    def write_counters(self, *, final: bool) -> None:
        """Leaves the counts where the supervisor finds them when this process has been killed."""
        text = json.dumps({**self.traffic.snapshot(), "final": final})
        if text != self.written:
            self.written = text
            fresh = self.counters_file.with_suffix(".new")
            with contextlib.suppress(OSError):  # a full disk must not stop traffic
                fresh.write_text(text)
                fresh.replace(self.counters_file)

    def _expire_hold(self, hold: Hold) -> None:
        hold.expired = True
        while hold.waiting:
            exchange = hold.waiting.popleft()
            exchange.client.turn_away(exchange, "hold_overflow")
        hold.bytes = 0

    async def _leave(self, idle_s: float, timeout_s: float) -> None:
        self.traffic.leaving = True
        self._stop_accepting()
        started = self.loop.time()
        while self.traffic.clients:
            waited = self.loop.time() - started
            for client in list(self.traffic.clients):
                if waited >= timeout_s:
                    client.transport.abort()
                elif waited >= idle_s and client.is_idle():
                    client.transport.close()
            await asyncio.sleep(0.02 if waited < 2 else 0.2)
        self.gone.set()

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


async def _run(fds: list[int], run: Path, name: str, control: Path) -> None:
    listening = [socket.socket(fileno=fd) for fd in fds]
    for one in listening:
        one.setblocking(False)
    door = Door(listening, run, name)
    server = await serve(bind_control(control), door.obey, listening)
    loop = asyncio.get_running_loop()
    soon = {"idle_s": 0.0, "timeout_s": 10.0}
    loop.add_signal_handler(signal.SIGTERM, lambda: door._keep(loop.create_task(door.do_leave(**soon))))
    clock = loop.create_task(door.keep_time())
    await door.gone.wait()
    clock.cancel()
    door.write_counters(final=True)
    server.close()
    with contextlib.suppress(FileNotFoundError):
        control.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(prog="mobius.host.door")
    parser.add_argument("--fds", required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--control", type=Path, required=True)
    given = parser.parse_args()
    for ignored in (signal.SIGHUP, signal.SIGINT):
        signal.signal(ignored, signal.SIG_IGN)
    fds = [int(fd) for fd in given.fds.split(",")]
    asyncio.run(_run(fds, given.run, given.name, given.control))
    sys.exit(0)


if __name__ == "__main__":
    main()
