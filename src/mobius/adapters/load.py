"""An honest load on one service: strict clients that retry nothing, and write down every request that failed.

load = Load("http://127.0.0.1:5001", rtt_ms=40, post_paths=("/echo",), validate=echoes_the_body)
load.start()
...                     # switch releases
report = load.stop()    # report.lost is empty when nothing was lost
"""

from __future__ import annotations

import asyncio
import errno
import random
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from mobius.adapters.load_http import Answer, Request, echoes_the_body, read_answer, signed_by
from mobius.adapters.load_line import ClosedEarly, Garbled, Line
from mobius.adapters.load_report import Answers, Failure, FailureKind, LoadReport
from mobius.errors import MobiusError, UsageError

__all__ = [
    "Answer",
    "Failure",
    "FailureKind",
    "Load",
    "LoadReport",
    "Request",
    "echoes_the_body",
    "signed_by",
]

OWN_FAULTS = {errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


Validate = Callable[
    [Request, Answer], str | None
]  # what is wrong with a good-looking answer; None when nothing
SignedBy = Callable[[Answer], str | None]  # the release that answered; None when it was not a release


class Load:
    """Clients in a thread of their own: `start`, look with `snapshot` from any thread, `stop`.

    `keepalive` clients hold one connection each, `fresh` ones open a connection for each request. Each sends
    its next request when it has the answer to the last, or, with `rate`, at its share of that many a second.
    A keep-alive client that knows its connection closed opens another, which is no failure; one whose request
    was under way has lost it. An error status counts against the release that signed it (`sign`), and against
    the door when none did. `slow_share` of the requests go to `slow_path`, POSTs to `slow_post_path`, where
    those are given.
    """

    def __init__(
        self,
        url: str,
        *,
        keepalive: int = 40,
        fresh: int = 10,
        post_share: float = 0.5,
        slow_share: float = 0.04,
        paths: Sequence[str] = ("/",),
        post_paths: Sequence[str] = ("/",),
        slow_path: str | None = None,
        slow_post_path: str | None = None,
        rtt_ms: float = 0.0,
        rate: float | None = None,
        timeout_s: float = 10.0,
        make_body: Callable[[random.Random], bytes] | None = None,
        content_type: str = "application/octet-stream",
        validate: Validate | None = None,
        sign: SignedBy = signed_by,
        tls: ssl.SSLContext | None = None,
        seed: int = 0,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"cannot send load to {url!r}", "give an address such as http://127.0.0.1:5001")
        if keepalive + fresh < 1 or (rate is not None and rate <= 0):
            raise UsageError(
                "a load needs at least one client, and a rate above zero", "keepalive=40, fresh=10"
            )
        self._host, self._netloc = parts.hostname, parts.netloc.rpartition("@")[2]
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._prefix = parts.path.rstrip("/")
        self._tls = tls or (ssl.create_default_context() if parts.scheme == "https" else None)
        self._keepalive, self._fresh = keepalive, fresh
        self._post_share, self._slow_share = post_share, slow_share
        self._paths, self._post_paths = tuple(paths), tuple(post_paths)
        self._slow_path, self._slow_post_path = slow_path, slow_post_path
        self._rtt_s, self._timeout_s = rtt_ms / 1000, timeout_s
        self._between_s = (keepalive + fresh) / rate if rate else 0.0
        self._make_body = make_body or _random_body
        self._content_type = content_type
        self._validate = validate or (lambda request, answer: None)
        self._sign = sign
        self._random = random.Random(seed)

        self._lock = threading.Lock()  # guards the next five
        self._answers = Answers()
        self._failures: list[Failure] = []
        self._releases: list[str] = []
        self._by_release: dict[str, int] = {}
        self._fault: BaseException | None = None

        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._started_s = 0.0
        self._ended_s: float | None = None

    def start(self) -> Load:
        """Begin; returns at once."""
        self._started_s = time.monotonic()
        self._thread.start()
        return self

    def stop(self) -> LoadReport:
        """Let every client finish its request, then say what was seen.

        Raises MobiusError when the generator itself could not work (out of ports or files): its numbers would
        blame the service for the client's own trouble.
        """
        self._stopping.set()
        self._thread.join()
        if self._fault is not None:
            hint = "use fewer clients, or a lower rate" if isinstance(self._fault, OSError) else ""
            raise MobiusError(f"the load generator itself failed: {self._fault!r}", hint) from self._fault
        return self.snapshot()

    @property
    def is_running(self) -> bool:
        """True until `stop`, unless the generator itself has failed: then `stop` says why."""
        return self._thread.is_alive()

    def snapshot(self) -> LoadReport:
        """What was seen so far; safe from any thread, before and after `stop`."""
        now_s = time.monotonic()
        with self._lock:
            return LoadReport(
                started_s=self._started_s,
                ended_s=now_s if self._ended_s is None else self._ended_s,
                unix_offset_s=time.time() - now_s,
                failures=tuple(self._failures),
                by_release=dict(self._by_release),
                answers=self._answers.copy(),
                releases=tuple(self._releases),
            )

    def __enter__(self) -> Load:
        return self.start()

    def __exit__(self, kind: object, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        if kind is None:
            self.stop()  # say so when the generator itself failed

    # The clients.

    def _run(self) -> None:
        try:
            asyncio.run(self._all_clients())
        except BaseException as fault:
            self._fault = fault.exceptions[0] if isinstance(fault, BaseExceptionGroup) else fault
        finally:
            self._ended_s = time.monotonic()

    async def _all_clients(self) -> None:
        async with asyncio.TaskGroup() as clients:
            for number in range(self._keepalive + self._fresh):
                clients.create_task(self._client(number, keeps=number < self._keepalive))
        await asyncio.sleep(self._rtt_s / 2 + 0.005)  # the last hang-ups are still on their way

    async def _client(self, number: int, *, keeps: bool) -> None:
        loop = asyncio.get_running_loop()
        # Spread the starts, so that fifty clients do not march in step.
        spread_s = self._between_s or max(self._rtt_s, 0.005)
        next_s = loop.time() + spread_s * number / (self._keepalive + self._fresh)
        line: Line | None = None
        while not self._stopping.is_set():
            if (wait_s := next_s - loop.time()) > 0:
                await asyncio.sleep(min(wait_s, 0.1))
                continue
            next_s = max(next_s + self._between_s, loop.time()) if self._between_s else 0.0
            line = await self._one_request(line, keeps=keeps)
        if line is not None:
            line.close()

    async def _one_request(self, line: Line | None, *, keeps: bool) -> Line | None:
        """Send one request and note how it went; gives back the connection when it can be used again."""
        request = self._next_request()
        if line is not None and line.has_ended:
            line.close()
            line = None
        started_s = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                if line is None:
                    line = await Line.open(self._host, self._port, self._rtt_s, self._tls)
                if line.has_unasked_bytes:
                    raise Garbled("bytes that no request had asked for")
                line.send(self._encode(request, keeps))
                answer, may_reuse = await read_answer(line, request.method)
        except (OSError, ClosedEarly, Garbled, TimeoutError) as problem:
            self._note_failure(request, started_s, keeps, *_kind_of(problem, connected=line is not None))
            if line is not None:
                line.close()
            else:
                await asyncio.sleep(max(0.02 - self._rtt_s, 0))  # a refused client does not spin
            return None
        self._note_answer(request, started_s, keeps, answer)
        if keeps and may_reuse:
            return line
        line.close()
        return None

    def _next_request(self) -> Request:
        slow = self._random.random() < self._slow_share
        if self._random.random() < self._post_share:
            path = (
                self._slow_post_path
                if slow and self._slow_post_path
                else self._random.choice(self._post_paths)
            )
            return Request("POST", self._prefix + path, self._make_body(self._random))
        path = self._slow_path if slow and self._slow_path else self._random.choice(self._paths)
        return Request("GET", self._prefix + path)

    def _encode(self, request: Request, keeps: bool) -> bytes:
        lines = [
            f"{request.method} {request.path} HTTP/1.1",
            f"Host: {self._netloc}",
            "User-Agent: mobius-load",
        ]
        if request.method == "POST":
            lines += [f"Content-Type: {self._content_type}", f"Content-Length: {len(request.body)}"]
        if not keeps:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + request.body

    # The notes.

    def _note_answer(self, request: Request, started_s: float, keeps: bool, answer: Answer) -> None:
        ended_s = time.monotonic()
        release = self._sign(answer)
        if release is not None:
            with self._lock:
                self._by_release[release] = self._by_release.get(release, 0) + 1
        if answer.status >= 400:
            kind = FailureKind.DOOR if release is None else FailureKind.RELEASE
            self._note_failure(request, started_s, keeps, kind, f"status {answer.status}", release)
        elif (wrong := self._validate(request, answer)) is not None:
            self._note_failure(request, started_s, keeps, FailureKind.WRONG, wrong, release)
        else:
            with self._lock:
                if release is not None and release not in self._releases:
                    self._releases.append(release)
                number = -1 if release is None else self._releases.index(release)
                self._answers.append(started_s, ended_s, number)

    def _note_failure(
        self,
        request: Request,
        started_s: float,
        keeps: bool,
        kind: FailureKind,
        detail: str,
        release: str | None = None,
    ) -> None:
        connection = "keep-alive" if keeps else "fresh"
        now_s = time.monotonic()
        failure = Failure(now_s, started_s, kind, request.method, request.path, detail, release, connection)
        with self._lock:
            self._failures.append(failure)


def _random_body(source: random.Random) -> bytes:
    return source.randbytes(source.randint(16, 2048))


def _kind_of(problem: Exception, *, connected: bool) -> tuple[FailureKind, str]:
    if isinstance(problem, TimeoutError):
        return FailureKind.TIMEOUT, "no whole answer in time"
    if isinstance(problem, ClosedEarly):
        return FailureKind.CLOSED_EARLY, str(problem)
    if isinstance(problem, Garbled):
        return FailureKind.GARBLED, str(problem)
    if isinstance(problem, OSError) and problem.errno in OWN_FAULTS:
        raise problem
    if not connected:  # also an OSError without errno, when a name has several addresses
        return FailureKind.REFUSED, str(problem)
    return FailureKind.RESET, str(problem) or type(problem).__name__
