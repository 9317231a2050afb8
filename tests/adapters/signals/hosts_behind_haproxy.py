"""Three hosts behind a real HAProxy, each a small server of this process that is slow, or fails, when it is told so."""

from __future__ import annotations

import contextlib
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from adapters.traffic.haproxies import WHY_NOT, Haproxy
from free_ports import free_port
from mobius.adapters.clocks.system import SystemClock
from mobius.adapters.fleet.hosts import Hosts
from mobius.adapters.traffic.fleet import FleetTraffic
from mobius.model.fleet import FleetSettings, HostSettings
from mobius.model.haproxy import SLOTS
from mobius.model.settings import EnvironmentSettings, TrafficSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import ProcessStatus, Signals
from mobius.wiring.each_host import of_each_host

NAMES = ("web1", "web2", "web3")
RELEASES = {"blue": "v1", "green": "v2"}
ROUTE = "/api/render"


class Quiet(ThreadingHTTPServer):
    """Says nothing of clients that leave: HAProxy closes its idle connections and its checks that way."""

    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        """It is nobody's trouble."""


# Several threads that write to stderr leave out lines when one of them has no turn for a moment (seen: 5 of 45).
ONE_THREAD = "\nglobal\n  nbthread 1\n"


class Host:
    """Both slots of one host. `delay_s` before each answer; `fails`: with 503."""

    def __init__(self, name: str) -> None:
        self.name, self.delay_s, self.fails = name, 0.0, False
        self.answered: Counter[str] = Counter()
        self.port = free_port(2)
        self._servers = [self._serve(self.port + number, slot) for number, slot in enumerate(SLOTS)]

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _serve(self, port: int, slot: str) -> ThreadingHTTPServer:
        host = self

        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                time.sleep(host.delay_s)
                host.answered[slot] += 1
                body = f"{host.name} {slot}".encode()
                self.send_response(503 if host.fails else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        server = Quiet(("127.0.0.1", port), Answering)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server


class Scene:
    """The hosts, HAProxy, and the traffic of a fleet over both."""

    def __init__(self, folder: Path) -> None:
        self.there = {name: Host(name) for name in NAMES}
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.settings = EnvironmentSettings(
            "production",
            self.url,
            folder / "root",
            listen=f"127.0.0.1:{port}",
            target="ssh",
            hosts=tuple(
                HostSettings(one.name, one.name, one.port, "127.0.0.1") for one in self.there.values()
            ),
            critical_routes=(ROUTE,),
            traffic=TrafficSettings(
                kind="haproxy",
                socket=folder / "proxy" / "admin.sock",
                access_log=folder / "proxy" / "haproxy.log",
            ),
        )
        (folder / "root" / "run").mkdir(parents=True)
        self.haproxy = Haproxy(folder / "proxy", "shop", self.settings, more=ONE_THREAD)
        self.clock = SystemClock()
        self.running = {"blue"}
        self.target: Any = self
        no_line: Any = None
        self.hosts = Hosts(
            self.settings.hosts,
            FleetSettings(failure_budget=1),
            folder / "root" / "run",
            self.clock,
            lambda _: no_line,
        )
        self.traffic = FleetTraffic(self.haproxy.place, folder / "root", self.hosts, self.target, self.clock)

    def start(self, slot: str) -> None:
        """The release of this slot is up on every host, and gets all requests."""
        self.running.add(slot)
        self.traffic.switch({slot: 100})

    def processes(self) -> tuple[ProcessStatus, ...]:
        return tuple(
            ProcessStatus("web", "web", slot, RELEASES[slot], "running", host=name)
            for slot in sorted(self.running)
            for name in NAMES
        )

    def addresses(self, slot: str) -> dict[str, str]:
        return {name: f"http://127.0.0.1:{one.port + SLOTS.index(slot)}" for name, one in self.there.items()}

    def health_of_each(self, urls: list[str]) -> tuple[CheckResult, ...]:
        return tuple(CheckResult("health", Outcome.PASS, "", 1.0) for _ in urls)

    def signals(self, *, log: bool = True) -> Signals:
        """What each host answers from now on, as a window of v2's would hear it; without HAProxy's log where it is
        not read."""
        traffic = replace(self.settings.traffic, access_log=self.settings.traffic.access_log if log else None)
        checks: Any = self
        make = of_each_host(
            "shop", replace(self.settings, traffic=traffic), self.target, self.traffic, checks, self.clock
        )
        whole: Any = Nothing()
        release: Any = type("Live", (), {"id": "v2", "slot": "green"})
        return make(whole, release)

    def ask(self, times: int, path: str = "/") -> Counter[str]:
        """So many requests, a few at a time; who answered."""
        with ThreadPoolExecutor(6) as some:
            return Counter(some.map(lambda _: self._one(path), range(times)))

    def _one(self, path: str) -> str:
        try:
            with urllib.request.urlopen(self.url + path, timeout=20) as answer:
                return str(answer.read().decode().split()[0])
        except urllib.error.HTTPError as problem:
            return problem.read().decode().split()[0]


class Nothing:
    """The signals of the service, which are not what is looked at here."""

    def sample(self, now: float) -> tuple[()]:
        return ()


@contextlib.contextmanager
def behind_haproxy(folder: Path) -> Iterator[Scene]:
    """v1 gets all requests. Skips where there is no HAProxy."""
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    scene = Scene(folder)
    try:
        with scene.haproxy:
            scene.traffic.switch({"blue": 100})
            yield scene
    finally:
        for one in scene.there.values():
            one.close()
