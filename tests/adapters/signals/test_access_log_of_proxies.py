"""Real nginx, Caddy and HAProxy write their logs under load: what is counted is what the clients saw."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path

import pytest

from adapters.contracts import haproxy_ground, live_socket_ground
from adapters.contracts.conftest import Ground
from adapters.traffic.proxies import Proxy
from host.sites import wait_for
from mobius.adapters.signals.access_log_whose import SKEW_S
from mobius.adapters.traffic.history import read_history
from mobius.errors import MobiusError
from mobius.model.settings import EnvironmentSettings
from mobius.ports import Counters
from mobius.wiring.counting import Counting, counting

pytestmark = pytest.mark.journey

PATHS = ("/", "/api/render?id=7", "/status/404", "/status/503", "/slow", "/api/render/deep")
ROUTE = "/api/render"
NEAR_S = 0.15  # a client's times are from before it connects to after it has read the answer


@dataclass(frozen=True)
class Asked:
    """One request as its client saw it."""

    release: str
    status: int
    path: str
    began: float
    ended: float


class Clients:
    """A few at a time, each with a new connection a request, until they are told to stop."""

    def __init__(self, port: int) -> None:
        self.asked: list[Asked] = []
        self._port = port

    @contextmanager
    def busy(self, number: int = 4) -> Iterator[None]:
        stop = threading.Event()
        threads = [threading.Thread(target=self._go_on, args=(first, stop)) for first in range(number)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(20)

    def more(self, number: int) -> None:
        """Waits until so many more have been answered."""
        enough = len(self.asked) + number
        wait_for(f"{number} more answers", lambda: len(self.asked) >= enough, 30.0)

    def of(self, release: str, *, path: str = "") -> list[Asked]:
        return [one for one in self.asked if one.release == release and one.path.startswith(path)]

    def _go_on(self, turn: int, stop: threading.Event) -> None:
        while not stop.is_set():
            turn += 1
            self._ask(PATHS[turn % len(PATHS)])

    def _ask(self, path: str) -> None:
        began = time.time()
        line = HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            line.request("GET", path)
            answer = line.getresponse()
            answer.read()
            release = answer.headers.get("X-Release", "")
            self.asked.append(Asked(release, answer.status, path, began, time.time()))
        finally:
            line.close()


def watched(ground: Ground, service: str, log: Path) -> tuple[Counting, Clients]:
    """As a window counts."""
    traffic = replace(ground.settings.traffic, access_log=log)
    settings: EnvironmentSettings = replace(ground.settings, traffic=traffic, critical_routes=(ROUTE,))
    ground.site.client.configure_door(door_of(ground), critical_routes=[ROUTE])
    counts = counting(service, settings, ground.site.root, ground.traffic, ground.target, time.time, "r1")
    counts.counters()  # as a window does when it opens
    # What is dialled so soon after a switch may be of either release, and is not counted.
    wait_for("the switch to be past", lambda: time.time() > _last_switch(ground) + 2 * SKEW_S)
    return counts, Clients(ground.site.port)


def _last_switch(ground: Ground) -> float:
    return max((one.done for one in read_history(ground.site.root)), default=0.0)


def door_of(ground: Ground) -> str:
    door = ground.site.client.status().door
    assert door is not None
    return door.listen


class Sums:
    """Everything that one release was counted with, over many looks."""

    def __init__(self, counts: Counting) -> None:
        self.counts = counts
        self.remarks: list[str] = []

    def of(self, release: str) -> Counters:
        found = self.counts.counters().get(release, Counters(0, 0, ()))
        self.remarks.append(self.counts.remark())
        return found


def figures(count: Counters) -> tuple[int, int, int, int, int]:
    route = count.routes.get(ROUTE, Counters(0, 0, ()))
    return count.requests, count.errors, sum(count.histogram), route.requests, sum(route.histogram)


def seen_by(clients: Clients, release: str) -> tuple[int, int, int, int, int]:
    all_of, on_route = clients.of(release), clients.of(release, path=ROUTE)
    errors = Counter(one.status >= 500 for one in all_of)[True]
    return len(all_of), errors, len(all_of), len(on_route), len(on_route)


def settles(sums: Sums, release: str, clients: Clients) -> None:
    """The log says exactly what the clients saw. A line is written a moment after its answer."""
    wanted = seen_by(clients, release)
    deadline = time.monotonic() + 30
    while (found := figures(sums.of(release))) != wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    assert found == wanted, sums.remarks[-3:]


def about(sums: Sums, release: str, clients: Clients, moves: list[tuple[float, float]]) -> None:
    """The counts are what the clients saw, but for those that were under way while `live` moved: at most all of
    these are left out, and none is ever told to the other release. So for the critical route, too."""

    def near(one: Asked) -> bool:
        return any(one.began < end + NEAR_S and one.ended > start - NEAR_S for start, end in moves)

    def figures_of(count: Counters) -> list[int]:
        return [count.requests, count.errors, count.routes[ROUTE].requests]

    wanted = [clients.of(release), [one for one in clients.of(release) if one.status == 503]]
    wanted.append(clients.of(release, path=ROUTE))
    least = [sum(not near(one) for one in group) for group in wanted]

    def is_written() -> bool:
        return all(found >= few for found, few in zip(figures_of(sums.of(release)), least, strict=True))

    wait_for("the log to be written", is_written)
    found = figures_of(sums.of(release))
    assert all(count <= len(group) for count, group in zip(found, wanted, strict=True)), (found, wanted)
    assert least[0] > 20 and least[2] > 0, "there was something to see"


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_behind_a_live_socket_every_request_is_counted_once_for_its_release(kind: str) -> None:
    with live_socket_ground.live_socket_ground(kind, direct=True) as (ground, proxy):
        live_socket_ground.serve(ground, ("blue", "r1"), ("green", "r2"))
        ground.traffic.switch({"blue": 100})
        log = ground.settings.traffic.access_log
        assert log is not None
        ground.get()  # Caddy makes its log with the first line
        wait_for("the log to be there", lambda: log.exists() and log.stat().st_size > 0)
        counts, clients = watched(ground, "dhash", log)
        sums = Sums(counts)

        with clients.busy():
            clients.more(60)
        settles(sums, "r1", clients)
        assert sum(sums.of("r1").histogram) == len(clients.asked), "every one was timed"

        if kind == "nginx":
            with clients.busy():
                clients.more(20)
                log.rename(log.with_name("access.log.1"))
                clients.more(20)  # nginx still writes to the one that was renamed away
                reopen(proxy)
                clients.more(40)
                sums.of("r1")
        else:
            copy_and_truncate(log)
            assert "truncated" not in sums.remarks[-1]
            with clients.busy():
                clients.more(40)
        settles(sums, "r1", clients)

        with clients.busy():
            clients.more(40)
            ground.traffic.switch({"green": 100})
            clients.more(60)
            ground.traffic.switch({"green": 80, "blue": 20})  # by the front door, which counts by itself
            clients.more(60)
            ground.traffic.switch({"green": 100})
            clients.more(40)
        moves = [(one.begun, one.done) for one in read_history(ground.site.root)[1:]]
        assert [one.via for one in read_history(ground.site.root)] == ["blue", "green", "door", "green"]
        about(sums, "r1", clients, moves)
        about(sums, "r2", clients, moves)
        assert {one.release for one in clients.asked} == {"r1", "r2"}
        assert {one.status for one in clients.asked} == {200, 404, 503}
        assert not [remark for remark in sums.remarks if "not understood" in remark]


def test_behind_haproxy_its_own_counts_get_their_times_and_routes_from_its_log() -> None:
    with haproxy_ground.haproxy_ground() as (ground, haproxy):
        haproxy_ground.serve(ground, ("blue", "r1"), ("green", "r2"))
        ground.traffic.switch({"blue": 100})
        counts, clients = watched(ground, "app", haproxy.log)
        sums = Sums(counts)

        with clients.busy():
            clients.more(60)
        settles(sums, "r1", clients)
        copy_and_truncate(haproxy.log)
        with clients.busy():
            clients.more(40)
            ground.traffic.switch({"green": 100})
            clients.more(60)
        settles(sums, "r1", clients)
        settles(sums, "r2", clients)
        assert clients.of("r2") and not [remark for remark in sums.remarks if "not understood" in remark]


def test_a_log_that_goes_away_is_missing_until_the_proxy_writes_it_again() -> None:
    with live_socket_ground.live_socket_ground("nginx", direct=True) as (ground, proxy):
        live_socket_ground.serve(ground, ("blue", "r1"))
        ground.traffic.switch({"blue": 100})
        log = ground.settings.traffic.access_log
        assert log is not None
        counts, clients = watched(ground, "dhash", log)
        moved = log.rename(log.with_name("access.log.1"))
        with clients.busy(2):
            clients.more(10)
        with pytest.raises(MobiusError, match="there is no access log"):
            counts.counters()
        reopen(proxy)
        wait_for("nginx to write it again", log.exists)
        assert moved.exists()

        settles(Sums(counts), "r1", clients)


def reopen(proxy: Proxy) -> None:
    """As logrotate's postrotate does it."""
    argv = ["nginx", "-e", str(proxy.folder / "error.log"), "-c", str(proxy.config), "-s", "reopen"]
    subprocess.run(argv, check=True, capture_output=True, timeout=20)


def copy_and_truncate(log: Path) -> None:
    """As logrotate's copytruncate does it, while nobody writes."""
    shutil.copyfile(log, log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)
