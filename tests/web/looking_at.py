"""The web face of a world in memory, asked without a socket; and of a real loopback port, asked byte by byte."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from mobius.model.baseline import Baseline, Block
from mobius.model.policies import PRESETS
from mobius.model.run import Run, RunState
from mobius.model.sample import BUCKETS
from mobius.web.exchange import Answer, Request
from mobius.web.guard import Guard, guard_of
from mobius.web.looking import Looker
from mobius.web.server import Limits, Server
from mobius.web.site import Site
from world import Killed, World

LOCAL = guard_of("127.0.0.1:8080", (), "", None)


@dataclass
class Asked:
    """A site over a world, with what it said."""

    world: World
    guard: Guard = LOCAL
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.site = Site(Looker(self.world.ports), self.guard, "1.2.3", self.said.append)

    def get(self, path: str, *, method: str = "GET", host: str = "127.0.0.1:8080", **more: Any) -> Answer:
        """The answer to one request, a query in the path as in a URL; time passes, so that nothing is kept."""
        self.world.clock.wait(1.5)
        place, _, query = path.partition("?")
        fields = dict(pair.partition("=")[::2] for pair in query.split("&")) if query else {}
        return self.site.answer(Request(method, place, fields, host, **more))

    def json(self, path: str, **more: Any) -> Any:
        """The document of an answer that must be a 200."""
        answer = self.get(path, **more)
        assert answer.status == 200, answer
        return json.loads(answer.body)

    def page(self, path: str = "/") -> str:
        """The HTML of an answer that must be a 200."""
        answer = self.get(path)
        assert (answer.status, answer.content_type) == (200, "text/html; charset=utf-8"), answer
        return answer.body.decode()


def live_world() -> World:
    """v1 is live and accepted."""
    world = World()
    assert world.deploy("v1").state is RunState.ACCEPTED
    return world


def with_open_window(world: World, tag: str, looks: int = 3) -> Run:
    """Deploys, and kills the runner after so many looks of the window; the run still observes."""
    run = world.begin(world.plan(tag))
    left = looks

    def killed() -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            raise Killed
        world.interrupt(is_sample, killed)

    world.interrupt(is_sample, killed)
    try:
        world.carry_on(run)
    except Killed:
        pass
    world.launcher.stop(run)
    now = world.journal.run(run.id)
    assert now.state is RunState.OBSERVING
    return now


def held_against_before(world: World) -> None:
    """By the policy `adaptive`: half an hour of a release that failed once in a thousand requests."""
    histogram = (0,) * 20 + (1000,) + (0,) * (BUCKETS - 21)
    world.baselines["traffic"] = Baseline.of([Block(1000, 1, histogram)] * 60, 30.0)
    world.settings = replace(world.settings, policy=PRESETS["adaptive"])


def is_sample(effect: str, _: tuple[Any, ...]) -> bool:
    """The moment before samples are written down."""
    return effect == "journal.add_samples"


@contextmanager
def served(answer: Callable[[Request], Answer], limits: Limits | None = None) -> Iterator[int]:
    """A real server on a free loopback port while inside the `with`."""
    import asyncio

    line = socket.create_server(("127.0.0.1", 0))
    line.setblocking(False)
    loop = asyncio.new_event_loop()
    serving: list[asyncio.Task[None]] = []
    ready = threading.Event()

    async def run() -> None:
        serving.append(asyncio.ensure_future(Server(answer, limits).serve([line])))
        ready.set()
        await asyncio.gather(*serving, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    ready.wait()
    try:
        yield line.getsockname()[1]
    finally:
        loop.call_soon_threadsafe(serving[0].cancel)
        thread.join()
        loop.close()


def exchange(port: int, *parts: bytes, timeout_s: float = 10.0) -> bytes:
    """Sends bytes and returns all that comes until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as line:
        for part in parts:
            line.sendall(part)
        return read_all(line)


def read_all(line: socket.socket) -> bytes:
    """Until the other side closes, or resets."""
    got = b""
    try:
        while chunk := line.recv(65_536):
            got += chunk
    except ConnectionResetError:
        pass
    return got
