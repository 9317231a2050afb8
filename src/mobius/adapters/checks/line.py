"""One fresh connection, in steps that never block: each says what it waits for, and whoever drives them waits.

Steps are generators of `Wait`. One who waited too long gets TimeoutError thrown in at the place where it waits.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import SplitResult

from mobius.adapters.checks.asking import NotAsked, shown

T = TypeVar("T")
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
PAUSE_S = 0.02
TlsContext = Callable[[], ssl.SSLContext]


@dataclass(frozen=True, slots=True)
class Wait:
    """Until `fd` can be read or written, or until `until` (monotonic seconds): then `late` says what is missing, or,
    without an `fd`, it was but a pause."""

    fd: int
    events: int
    until: float
    late: str = ""


Steps = Generator[Wait, None, T]


def connect(parts: SplitResult, deadline: float, tls: TlsContext) -> Steps[socket.socket]:
    """A connection that does not block, its TLS agreed on. Raises OSError, NotAsked, TimeoutError."""
    if parts.scheme == "unix":
        sock = socket.socket(getattr(socket, "AF_UNIX"), socket.SOCK_STREAM)  # noqa: B009, not on Windows
        return (yield from _reach(sock, parts.path, deadline))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotAsked(f"not an address of http or https: {shown(parts.geturl()) or 'empty'}")
    host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    addresses = yield from _addresses(host, port, deadline)
    last: OSError = OSError(f"{host} has no address")
    for index, (family, kind, protocol, _, address) in enumerate(addresses):
        # A dead first address (IPv6 often is) must not use up the time of the second.
        now = time.monotonic()
        share = now + max(0.0, deadline - now) / (len(addresses) - index)
        try:
            sock = yield from _reach(socket.socket(family, kind, protocol), address, share)
            break
        except OSError as error:
            last = error
    else:
        raise last
    return sock if parts.scheme != "https" else (yield from _agree(sock, host, deadline, tls))


def send(sock: socket.socket, data: bytes, deadline: float) -> Steps[None]:
    """All of it."""
    sent = 0
    while sent < len(data):
        act = partial(sock.send, data[sent:] if sent else data)
        sent += yield from _turn(sock, act, WRITE, deadline, "the request not taken")


def receive(sock: socket.socket, deadline: float, late: str) -> Steps[bytes]:
    """Some bytes; none at the end of the connection."""
    return (yield from _turn(sock, lambda: sock.recv(65_536), READ, deadline, late, wait_first=True))


def _reach(sock: socket.socket, address: Any, until: float) -> Steps[socket.socket]:
    try:
        sock.setblocking(False)
        while (code := sock.connect_ex(address)) in (errno.EAGAIN, errno.EWOULDBLOCK) and code:
            # A Unix socket whose queue is full; there is nothing to wait on but time.
            if time.monotonic() >= until:
                raise TimeoutError("no connection")
            yield Wait(-1, 0, min(until, time.monotonic() + PAUSE_S))
        if code in (errno.EINPROGRESS, errno.EINTR):
            if not _is_there(sock):  # on loopback it is, by now
                yield Wait(sock.fileno(), WRITE, until, "no connection")
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))  # of the class that belongs to the code
    except BaseException:
        sock.close()
        raise
    return sock


def _is_there(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def _agree(plain: socket.socket, host: str, deadline: float, tls: TlsContext) -> Steps[socket.socket]:
    """TLS over this connection."""
    sock = plain
    try:
        wrapped = tls().wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        sock = wrapped
        yield from _turn(wrapped, wrapped.do_handshake, READ, deadline, "TLS not agreed on")
    except BaseException:
        sock.close()
        raise
    return wrapped


def _turn(
    sock: socket.socket,
    act: Callable[[], T],
    events: int,
    deadline: float,
    late: str,
    *,
    wait_first: bool = False,
) -> Steps[T]:
    """What `act` gives, tried again whenever the connection is ready for it."""
    if wait_first and not (isinstance(sock, ssl.SSLSocket) and sock.pending()):
        yield Wait(sock.fileno(), events, deadline, late)
    while True:
        try:
            return act()
        except ssl.SSLWantReadError:
            events = READ
        except ssl.SSLWantWriteError:
            events = WRITE
        except BlockingIOError:
            pass
        yield Wait(sock.fileno(), events, deadline, late)


def _addresses(host: str, port: int, deadline: float) -> Steps[list[tuple[Any, ...]]]:
    """Where the name leads. The system's resolver knows no timeout, so a name is asked for in a thread, which is left
    behind when it takes too long: nothing can end a system call from outside."""

    def look_up() -> list[tuple[Any, ...]]:
        return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))

    if is_address(socket.AF_INET, host):
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, port))]
    if host == "localhost" or is_address(socket.AF_INET6, host.partition("%")[0]):
        return look_up()
    answers: list[list[tuple[Any, ...]]] = []
    errors: list[BaseException] = []
    here, there = socket.socketpair()

    def run() -> None:
        with there:
            try:
                answers.append(look_up())
            except BaseException as error:
                errors.append(error)
            with contextlib.suppress(OSError):  # nobody waits any more
                there.send(b".")

    with here:
        threading.Thread(target=run, daemon=True, name="mobius-name").start()
        try:
            yield Wait(here.fileno(), READ, deadline)
        except TimeoutError:
            raise NotAsked("its name could not be looked up in time") from None
    if errors:
        raise errors[0]
    return answers[0]


def is_address(family: socket.AddressFamily, host: str) -> bool:
    """Whether this is an address of this family already, and no name."""
    with contextlib.suppress(OSError, ValueError):
        socket.inet_pton(family, host)
        return True
    return False
