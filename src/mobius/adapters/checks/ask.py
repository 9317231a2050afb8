"""HTTP requests on fresh connections, any number at once, each answered within one deadline for the whole of it.

What the other side did wrong is `Unanswered`, what we could not do ourselves is `NotAsked`: the first is a failed
check, the second is no check at all. So is an answer that did not come while this prober was itself too late for it.
"""

from __future__ import annotations

import errno
import selectors
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from mobius.adapters.checks.answering import Answering, NotHttp
from mobius.adapters.checks.asking import NotAsked as NotAsked
from mobius.adapters.checks.asking import Request as Request
from mobius.adapters.checks.asking import Unanswered as Unanswered
from mobius.adapters.checks.asking import as_bytes
from mobius.adapters.checks.asking import shown as shown
from mobius.adapters.checks.lag import Lag, late_after_s
from mobius.adapters.checks.line import Steps, TlsContext, Wait, connect, receive, send
from mobius.rules.expect import NOT_JSON, Answer, read_json

T = TypeVar("T")
AT_ONCE = 250  # connections; the others wait for their turn, and so does their time
FEW = 8
SLICE_S = 0.1  # the longest single wait, so that lost time shows
_OURS = {
    errno.EMFILE: "too many open files here",
    errno.ENFILE: "too many open files on this machine",
    errno.ENOMEM: "no memory left on this machine",
    errno.ENOBUFS: "no network buffers left on this machine",
    errno.EADDRNOTAVAIL: "no free port left on this machine",
    errno.ENETUNREACH: "no network to reach it by",
    errno.ENETDOWN: "the network of this machine is down",
    errno.EACCES: "this machine forbids the connection",
    errno.EPERM: "this machine forbids the connection",
}
_DAY_S = 86_400.0


def ask(request: Request, timeout_s: float, tls: TlsContext = ssl.create_default_context) -> Answer:
    """The answer; redirects are not followed. Raises Unanswered or NotAsked within `timeout_s`."""
    return _only(ask_all([request], timeout_s, tls))


def ask_all(
    requests: Sequence[Request], timeout_s: float, tls: TlsContext = ssl.create_default_context
) -> list[Answer | Unanswered | NotAsked]:
    """The answer to each, or why there is none, in their order. `timeout_s` is for each by itself. The time of an
    answer is that of the other side: what this prober lost is not in it."""
    return _together([partial(_exchange, request, tls) for request in requests], timeout_s)


def certificate_days(url: str, timeout_s: float, tls: TlsContext = ssl.create_default_context) -> float:
    """Days until the certificate of an https address expires. Raises Unanswered (also when it is not trusted)
    or NotAsked."""
    if not url.lower().startswith("https:"):
        raise NotAsked(f"{shown(url)} has no certificate: it is not https")

    def look(until: float) -> Steps[float]:
        sock = yield from connect(urlsplit(url), until, tls)
        with sock:
            assert isinstance(sock, ssl.SSLSocket)
            return _days_left(sock)

    return _only(_together([look], timeout_s))


# -- one ----------------------------------------------------------------------------------------------------------


def _exchange(request: Request, tls: TlsContext, deadline: float) -> Steps[Answer]:
    parts = urlsplit(request.url)
    sock = yield from connect(parts, deadline, tls)
    with sock:
        yield from send(sock, as_bytes(request, parts), deadline)
        said = Answering(request.method)
        while not said.is_done:
            late = "the answer not complete" if said.has_begun else "no answer"
            data = yield from receive(sock, deadline, late)
            if not data:
                break
            said.feed(data)
        if not said.has_begun:
            raise Unanswered("it closed the connection without an answer")
        if not said.ends_well():
            raise Unanswered("the answer was cut off")
        days = _days_left(sock) if isinstance(sock, ssl.SSLSocket) else None
    text = said.body.decode("utf-8", "replace")
    is_json = text.lstrip()[:1] in tuple('{["0123456789-tfn')
    return Answer(said.status, said.headers, text, read_json(text) if is_json else NOT_JSON, tls_days=days)


def _days_left(sock: ssl.SSLSocket) -> float:
    certificate = sock.getpeercert() or {}
    return (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) / _DAY_S


# -- many at once -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Going(Generic[T]):
    """One that is under way: its steps, when they began, what the prober had lost by then, and what they wait for."""

    index: int
    steps: Steps[T]
    begun: float
    lost_before_s: float
    wait: Wait = field(default_factory=lambda: Wait(-1, 0, 0.0))


def _together(
    starts: Sequence[Callable[[float], Steps[T]]], timeout_s: float
) -> list[T | Unanswered | NotAsked]:
    """Drives all of them to their end."""
    found: dict[int, T | Unanswered | NotAsked] = {}
    waiting: dict[int, _Going[T]] = {}  # by file descriptor; one that only pauses by a number below zero
    left = deque(enumerate(starts))
    lag = Lag()

    def step(one: _Going[T], late: str | None = None) -> None:
        try:
            one.wait = next(one.steps) if late is None else one.steps.throw(TimeoutError(late))
        except StopIteration as ended:
            lost_s = lag.so_far_s() - one.lost_before_s
            found[one.index] = _timed(ended.value, time.monotonic() - one.begun - lost_s)
        except Exception as error:
            told = _translated(error, timeout_s)
            found[one.index] = _unless_late(told, lag.so_far_s() - one.lost_before_s, timeout_s)
        else:
            key = one.wait.fd if one.wait.fd >= 0 else -1 - one.index
            waiting[key] = one
            if one.wait.fd >= 0:
                ready.register(one.wait.fd, one.wait.events)

    with _selector(len(starts)) as ready:
        while left or waiting:
            while left and len(waiting) < AT_ONCE:
                index, start = left.popleft()
                begun = time.monotonic()
                step(_Going(index, start(begun + timeout_s), begun, lag.so_far_s()))
            if not waiting:
                continue
            before = time.monotonic()
            allowed_s = min(SLICE_S, max(0.0, min(one.wait.until for one in waiting.values()) - before))
            events = ready.select(allowed_s)
            now = time.monotonic()
            lag.waited(now - before, allowed_s + 0.001)  # the system counts whole milliseconds
            for key, _ in events:
                ready.unregister(key.fd)
                step(waiting.pop(key.fd))
            for over in [key for key, one in waiting.items() if one.wait.until <= now]:
                one = waiting.pop(over)
                if one.wait.fd >= 0:
                    ready.unregister(over)
                step(one, one.wait.late if one.wait.fd >= 0 else None)
    return [found[index] for index in range(len(starts))]


def _selector(many: int) -> selectors.BaseSelector:
    """A few are looked at one by one; for many the system keeps the list."""
    few = getattr(selectors, "PollSelector", selectors.DefaultSelector)
    return (few if many <= FEW else selectors.DefaultSelector)()


def _only(found: list[T | Unanswered | NotAsked]) -> T:
    (one,) = found
    if isinstance(one, (Unanswered, NotAsked)):
        raise one
    return one


def _timed(found: T, took_s: float) -> T:
    """An answer with the time that it took, without what this prober lost meanwhile. What it says holds, however late
    it was read."""
    return replace(found, ms=max(0.0, 1000 * took_s)) if isinstance(found, Answer) else found


def _unless_late(told: Unanswered | NotAsked, lost_s: float, timeout_s: float) -> Unanswered | NotAsked:
    """Why there is no answer: not the other side's fault, where this prober itself was not there to take it."""
    if lost_s > late_after_s(timeout_s) and isinstance(told, Unanswered):
        return NotAsked(f"the prober itself was late by {lost_s:.1f} s")
    return told


def _translated(error: Exception, timeout_s: float) -> Unanswered | NotAsked:
    """The error in words for a person."""
    if isinstance(error, (Unanswered, NotAsked)):
        return error
    if isinstance(error, NotHttp):
        return Unanswered(str(error))
    if isinstance(error, socket.gaierror):
        return NotAsked(f"its name could not be looked up ({error.strerror})")
    if isinstance(error, ssl.SSLCertVerificationError):
        return Unanswered(f"its certificate is not trusted: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return Unanswered(f"TLS failed: {error.reason or error}")
    if isinstance(error, TimeoutError):
        what = error.args[0] if len(error.args) == 1 else "no connection"
        return Unanswered(f"{what} within {timeout_s:g} s")
    if isinstance(error, ConnectionRefusedError):
        return Unanswered("connection refused")
    if isinstance(error, ConnectionError):
        return Unanswered("it broke the connection off")
    if isinstance(error, OSError) and error.errno in _OURS:
        return NotAsked(_OURS[error.errno])
    if isinstance(error, OSError):
        return Unanswered(error.strerror or str(error))
    return NotAsked(f"its address cannot be used: {error}")
