"""One HTTP request on a fresh connection, answered within one deadline that holds for the whole of it.

`http.client` bounds each read, so a server that drips bytes holds it for ever; here every read gets only what
is left. What the other side did wrong is `Unanswered`, what we could not do ourselves is `NotAsked`: the
first is a failed check, the second is no check at all.
"""

from __future__ import annotations

import base64
import errno
import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

from mobius.adapters.checks.bounded import within
from mobius.rules.expect import NOT_JSON, Answer, read_json

LARGEST_BODY = 5 * 1024 * 1024
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

TlsContext = Callable[[], ssl.SSLContext]


class Unanswered(Exception):
    """The other side gave no proper answer; the text says what it did instead."""


class NotAsked(Exception):
    """The question could not be put, through no fault of the other side."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask. `url` is absolute: http, https, or unix:/path/of.sock (then `target` is the path asked for)."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    target: str = ""


def ask(request: Request, timeout_s: float, tls: TlsContext = ssl.create_default_context) -> Answer:
    """The answer; redirects are not followed. Raises Unanswered or NotAsked within `timeout_s`."""
    begun = time.monotonic()
    deadline = begun + timeout_s
    try:
        parts = urlsplit(request.url)
        with _connected(parts, deadline, tls) as sock:
            _send(sock, _wire(request, parts), deadline)
            response = http.client.HTTPResponse(_Bounded(sock, deadline), method=request.method)  # type: ignore[arg-type]
            with response:
                response.begin()
                body = _body(response)
            days = _days_left(sock) if isinstance(sock, ssl.SSLSocket) else None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _translated(error, timeout_s) from error
    text = body.decode("utf-8", "replace")
    headers = {name.lower(): value for name, value in response.getheaders()}
    is_json = text.lstrip()[:1] in tuple('{["0123456789-tfn')
    took_ms = (time.monotonic() - begun) * 1000
    return Answer(response.status, headers, text, read_json(text) if is_json else NOT_JSON, took_ms, days)


def certificate_days(url: str, timeout_s: float, tls: TlsContext = ssl.create_default_context) -> float:
    """Days until the certificate of an https address expires. Raises Unanswered (also when it is not trusted)
    or NotAsked."""
    if not url.lower().startswith("https:"):
        raise NotAsked(f"{shown(url)} has no certificate: it is not https")
    try:
        parts = urlsplit(url)
        with _connected(parts, time.monotonic() + timeout_s, tls) as sock:
            assert isinstance(sock, ssl.SSLSocket)
            return _days_left(sock)
    except (OSError, ValueError) as error:
        raise _translated(error, timeout_s) from error


def shown(url: str) -> str:
    """The address without user, password and query, fit to print."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    host = parts.netloc.rpartition("@")[2]
    return SplitResult(parts.scheme, host, parts.path, "", "").geturl()


def _connected(parts: SplitResult, deadline: float, tls: TlsContext) -> socket.socket:
    if parts.scheme == "unix":
        sock = socket.socket(getattr(socket, "AF_UNIX"), socket.SOCK_STREAM)  # noqa: B009, not on Windows
        return _try(sock, parts.path, deadline)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotAsked(f"not an address of http or https: {shown(parts.geturl()) or 'empty'}")
    host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    addresses = _addresses(host, port, deadline)
    last: OSError = OSError(f"{host} has no address")
    for index, (family, kind, protocol, _, address) in enumerate(addresses):
        # A dead first address (IPv6 often is) must not use up the time of the second.
        share = time.monotonic() + _left(deadline) / (len(addresses) - index)
        try:
            sock = _try(socket.socket(family, kind, protocol), address, share)
            break
        except OSError as error:
            last = error
    else:
        raise last
    if parts.scheme != "https":
        return sock
    try:
        sock.settimeout(_left(deadline))
        return tls().wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise


def _try(sock: socket.socket, address: Any, deadline: float) -> socket.socket:
    try:
        sock.settimeout(_left(deadline))
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _addresses(host: str, port: int, deadline: float) -> list[tuple[Any, ...]]:
    """Looks the name up; the system's resolver knows no timeout, so an unknown name is asked in a thread."""

    def look_up() -> list[tuple[Any, ...]]:
        return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))

    try:
        ipaddress.ip_address(host)
    except ValueError:
        if host != "localhost":
            return within(_left(deadline), look_up)
    return look_up()


def _wire(request: Request, parts: SplitResult) -> bytes:
    """The request as bytes. Raises NotAsked when it cannot be written as HTTP."""
    target = request.target or (f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/")
    headers = {
        "Host": _host(parts),
        "User-Agent": "mobius",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "X-Mobius-Probe": "1",
        "Connection": "close",
    }
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    body = (request.body or "").encode()
    if body or request.method in ("POST", "PUT", "PATCH"):
        headers["Content-Length"] = str(len(body))
    own = {name.lower() for name in request.headers}
    headers = {name: value for name, value in headers.items() if name.lower() not in own}
    lines = [f"{request.method} {quote(target, safe='/?&=%:;,+@!$()*~.#[]')} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in (*headers.items(), *request.headers.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise NotAsked("a header or the address has a line break in it")
    try:
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
    except UnicodeEncodeError as error:
        raise NotAsked("a header has characters that HTTP cannot carry") from error


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "localhost").encode("idna" if not (parts.hostname or "").isascii() else "ascii")
    name = f"[{host.decode()}]" if b":" in host else host.decode()
    default = 443 if parts.scheme == "https" else 80
    return name if parts.port in (None, default) else f"{name}:{parts.port}"


def _send(sock: socket.socket, data: bytes, deadline: float) -> None:
    view = memoryview(data)
    while view:
        sock.settimeout(_left(deadline))
        view = view[sock.send(view) :]


def _body(response: http.client.HTTPResponse) -> bytes:
    """The whole body. Raises Unanswered past the limit, IncompleteRead when it ends early."""
    pieces: list[bytes] = []
    size = 0
    while piece := response.read(65_536):
        size += len(piece)
        if size > LARGEST_BODY:
            raise Unanswered(f"the answer is larger than {LARGEST_BODY // 1024 // 1024} MB")
        pieces.append(piece)
    if response.length:
        raise http.client.IncompleteRead(b"".join(pieces), response.length)
    return b"".join(pieces)


def _days_left(sock: ssl.SSLSocket) -> float:
    certificate = sock.getpeercert() or {}
    return (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) / _DAY_S


def _left(deadline: float) -> float:
    """Seconds left. Raises TimeoutError when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Bounded(io.RawIOBase):
    """A socket to read from, as HTTPResponse wants it: no read may take longer than what is left of the time."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(_left(self._deadline))
        return self._sock.recv_into(buffer)


def _translated(error: Exception, timeout_s: float) -> Exception:
    """The error as Unanswered or NotAsked, in words for a person."""
    if isinstance(error, socket.gaierror):
        return NotAsked(f"its name could not be looked up ({error.strerror})")
    if isinstance(error, ssl.SSLCertVerificationError):
        return Unanswered(f"its certificate is not trusted: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return Unanswered(f"TLS failed: {error.reason or error}")
    if isinstance(error, TimeoutError):
        return Unanswered(f"no answer within {timeout_s:g} s")
    if isinstance(error, ConnectionRefusedError):
        return Unanswered("connection refused")
    if isinstance(error, http.client.RemoteDisconnected):
        return Unanswered("it closed the connection without an answer")
    if isinstance(error, ConnectionError):
        return Unanswered("it broke the connection off")
    if isinstance(error, http.client.IncompleteRead):
        return Unanswered("the answer was cut off")
    if isinstance(error, http.client.HTTPException):
        return Unanswered(f"the answer is not HTTP ({type(error).__name__})")
    if isinstance(error, OSError) and error.errno in _OURS:
        return NotAsked(_OURS[error.errno])
    if isinstance(error, OSError):
        return Unanswered(error.strerror or str(error))
    return NotAsked(f"its address cannot be used: {error}")
