"""The line to GitHub's REST API: one request at a time, each bounded in time and size; what fails is `Unknown`.

The token goes to the host of `api_url` and nowhere else: a redirect to another host is not followed.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.error import URLError
from urllib.parse import urljoin, urlsplit

from mobius.adapters.forge.refusals import limited_for_s, refused
from mobius.model.forge import Unknown

LARGEST = 8 << 20  # bytes of one answer
REDIRECTS = 3
ATTEMPTS = 3  # of a question that GitHub failed to answer; what changes something is never repeated
PATIENCE_S = 60.0  # longest wait for a rate limit, over all requests of one command
VERSION = "2022-11-28"
_MOVED = (301, 302, 307, 308)


@dataclass(frozen=True, slots=True)
class Got:
    """An answer with a status of success; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Said:
    """An answer with any status."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Line:
    """Asks one GitHub with one token, which stands in no message."""

    def __init__(
        self,
        api_url: str,
        token: str,
        *,
        timeout_s: float,
        now: Callable[[], float],
        wait: Callable[[float], None],
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.api_url = api_url.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s
        self._now, self._wait = now, wait
        self._patience_s = patience_s
        self._context: ssl.SSLContext | None = None

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        accept: str = "application/vnd.github+json",
    ) -> Got | Said | Unknown:
        """`Got` for a 2xx; `Said` for 404 and 422, which may mean something; anything else is Unknown. `path` begins
        with a slash, or is a whole address that GitHub gave, which must be of the same host."""
        url = path if "://" in path else self.api_url + path
        if not self._is_ours(url):
            return Unknown(
                f"GitHub points to {_origin(url)}, and the token goes to {_origin(self.api_url)} only"
            )
        failed: Unknown = Unknown("nothing was asked")
        for attempt in range(1, ATTEMPTS + 1):
            said = self._followed(method, url, body, accept)
            if isinstance(said, Unknown):
                failed = said
            elif 200 <= said.status < 300:
                return Got(said.status, said.headers, said.body)
            elif (limit_s := limited_for_s(said.status, said.headers, said.body, self._now())) is not None:
                failed = refused(said.status, said.headers, said.body, bool(self._token))
                if limit_s > self._patience_s:
                    return failed
                self._patience_s -= limit_s
                self._wait(limit_s)
                continue
            elif said.status in (404, 422):
                return said
            else:
                failed = refused(said.status, said.headers, said.body, bool(self._token))
                if said.status < 500:
                    return failed
            if method != "GET":
                return failed
            if attempt < ATTEMPTS:
                self._wait(0.5 * attempt)
        return failed

    def _followed(self, method: str, url: str, body: bytes | None, accept: str) -> Said | Unknown:
        for _ in range(REDIRECTS + 1):
            said = self._once(method, url, body, accept)
            if isinstance(said, Unknown) or said.status not in _MOVED:
                return said
            if method != "GET" and said.status in (301, 302):
                return Unknown(
                    "GitHub says that the repository has moved", "set github.repository to its new name"
                )
            try:
                there = urljoin(url, said.headers.get("location", ""))
            except ValueError:
                return Unknown("GitHub redirects to an address that cannot be read", "see github.api_url")
            if not self._is_ours(there):
                return Unknown(f"GitHub redirects to {_origin(there)}, and the token does not go there")
            url = there
        return Unknown(
            f"GitHub redirects more than {REDIRECTS} times", "set github.repository to its present name"
        )

    def _is_ours(self, url: str) -> bool:
        return _origin(url) == _origin(self.api_url)

    def _once(self, method: str, url: str, body: bytes | None, accept: str) -> Said | Unknown:
        headers = {"Accept": accept, "User-Agent": "mobius", "X-GitHub-Api-Version": VERSION}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        until = _Until(self._timeout_s)
        try:
            request = urllib.request.Request(url, body, headers, method=method)
            with until, self._opener(until).open(request, timeout=self._timeout_s) as answer:
                said = self._read(answer, answer.status, answer.headers)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            return self._unknown(problem, until)
        return self._unknown(TimeoutError(), until) if until.is_over else said

    def _read(self, answer: Any, status: int, headers: Message) -> Said:
        body = answer.read(LARGEST + 1)
        if len(body) > LARGEST:
            raise ValueError(f"an answer of more than {LARGEST >> 20} MiB")
        length = headers.get("Content-Length", "")
        if length.isdecimal() and len(body) < int(length):
            raise ValueError("an answer that was cut off")
        return Said(status, {name.lower(): value for name, value in headers.items()}, body)

    def _unknown(self, problem: Exception, until: _Until) -> Unknown:
        where = _origin(self.api_url)
        cause = problem.reason if isinstance(problem, URLError) else problem
        if until.is_over or isinstance(cause, TimeoutError):
            return Unknown(
                f"{where}: no answer within {self._timeout_s:g} s", "try again, or raise github.timeout"
            )
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Unknown(
                f"{where}: its certificate is not trusted: {cause.verify_message}",
                "name the certificate of its authority in SSL_CERT_FILE",
            )
        if isinstance(cause, socket.gaierror):
            return Unknown(f"{where}: its name could not be looked up", "see the network, and github.api_url")
        if isinstance(cause, http.client.HTTPException):
            return Unknown(f"{where}: what came is no whole HTTP answer", "see github.api_url, and try again")
        words = str(cause.strerror or cause) if isinstance(cause, OSError) else str(cause)
        return Unknown(f"{where}: {words[:200]}", "see the network, and github.api_url")

    def _opener(self, until: _Until) -> urllib.request.OpenerDirector:
        if self._context is None:
            self._context = ssl.create_default_context()
        context = self._context

        class Plain(urllib.request.HTTPHandler):
            def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
                return self.do_open(until.watched(http.client.HTTPConnection), req)

        class Secure(urllib.request.HTTPSHandler):
            def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
                return self.do_open(until.watched(http.client.HTTPSConnection), req, context=context)

        # The variables for proxies are honoured.
        return urllib.request.build_opener(_AsItIs, Plain, Secure)


class _Until:
    """Ends a connection when its time is over, however slowly its answer drips."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._socket is not None:
            self._socket.close()

    def watched(self, kind: type[http.client.HTTPConnection]) -> Callable[..., http.client.HTTPConnection]:
        until = self

        class Watched(kind):  # type: ignore[valid-type, misc]
            def connect(self) -> None:
                super().connect()
                # A socket of its own: urllib closes that of the connection while its answer is still read.
                until._socket = socket.fromfd(self.sock.fileno(), self.sock.family, socket.SOCK_STREAM)

        return Watched

    def _end(self) -> None:
        self.is_over = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class _AsItIs(urllib.request.HTTPErrorProcessor):
    """Hands on every answer, whatever its status: redirects are followed here, and only to the same host."""

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        return response

    https_response = http_response


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "an address that cannot be read"
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port and port != usual else "")
