"""The web face of one environment in a thread of its own: whatever happens to it, the looking-after goes on."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping

from mobius.adapters.served import Announced, Served
from mobius.errors import MobiusError
from mobius.ports import Ports
from mobius.web.guard import guard_of
from mobius.web.listening import Listening, listen_near
from mobius.web.looking import Looker
from mobius.web.server import Limits, Server
from mobius.web.site import Site


class Face:
    """Begun once. `ports` are read-only; `say` is told in one line where it answers, or why it does not."""

    def __init__(
        self,
        ports: Ports,
        environ: Mapping[str, str],
        *,
        say: Callable[[str], None],
        version: str,
        limits: Limits | None = None,
    ) -> None:
        self.url = ""
        self._ports = ports
        self._environ = environ
        self._say = say
        self._version = version
        self._limits = limits
        self._announced = Announced(ports.settings.root / "run")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._serving: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self._listening = threading.Event()

    def begin(self) -> None:
        """Answers from now on, or says why not; never raises."""
        try:
            self._begin()
        except Exception as unforeseen:  # whatever it is, what is live is looked after
            self._say(f"no web page: {unforeseen!r}")

    def _begin(self) -> None:
        try:
            if not self._announced.begin():
                self._say("another `mobius serve` looks after this environment, and has the web page")
                return
        except OSError as problem:
            self._say(f"where the web page is cannot be written down: {problem}")
        wanted = self._ports.settings.serve.listen
        try:
            listening = self._listen(wanted)
        except MobiusError as problem:
            self._say(f"no web page: {problem.message}; {problem.hint}")
            self._announce(Served("", "", wanted, os.getpid(), self._ports.clock.now(), problem.message))
            return
        moved = "" if listening.listen == wanted else f" ({wanted} is taken)"
        self.url = listening.url
        self._say(f"metrics and the web page: {listening.url}{moved}")
        self._announce(Served(self.url, listening.listen, wanted, os.getpid(), self._ports.clock.now()))

    def _listen(self, wanted: str) -> Listening:
        serve = self._ports.settings.serve
        token = self._environ.get(serve.token_env) if serve.token_env else None
        guard = guard_of(wanted, serve.hosts, serve.token_env, token)
        listening = listen_near(wanted)
        writable = self._ports.journal.is_writable
        site = Site(Looker(self._ports), guard, self._version, self._say, writable)
        server = Server(site.answer, self._limits)
        self._thread = threading.Thread(target=self._run, args=(server, listening), daemon=True, name="web")
        self._thread.start()
        self._listening.wait()
        return listening

    def close(self) -> None:
        """Answers no more; returns when the thread has ended."""
        if self._loop is not None and self._serving is not None:
            self._loop.call_soon_threadsafe(self._serving.cancel)
        if self._thread is not None:
            self._thread.join()
        self._announced.give_up()

    def _run(self, server: Server, listening: Listening) -> None:
        try:
            asyncio.run(self._serve(server, listening))
        except Exception as unforeseen:
            self._say(f"the web page ended: {unforeseen!r}")
        finally:
            self._listening.set()
            listening.socket.close()

    async def _serve(self, server: Server, listening: Listening) -> None:
        self._loop = asyncio.get_running_loop()
        self._serving = asyncio.create_task(server.serve([listening.socket]))
        self._listening.set()
        try:
            await self._serving
        except asyncio.CancelledError:
            pass

    def _announce(self, served: Served) -> None:
        try:
            self._announced.say(served)
        except OSError as problem:
            self._say(f"where the web page is cannot be written down: {problem}")
