"""One POST with a bounded time for the whole of it, through the proxy that the environment names."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mobius.adapters.checks.bounded import within
from mobius.model.notices import NotSent

LARGEST_ANSWER = 65_536


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back, whatever its status. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: str


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """What was meant for one receiver is not handed to another."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, ca_file: Path | None = None
) -> Answered | NotSent:
    """The answer, or why there is none. Never raises for what the other side does, and names no address."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            return NotSent("its address is no http or https address: correct it", final=True)
        if "@" in parts.netloc:  # who we are goes into a header: no name is looked up with it
            named = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}".encode()
            headers = {**headers, "Authorization": f"Basic {base64.b64encode(named).decode()}"}
            url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        context = tls_context(ca_file) if parts.scheme == "https" else None
        return within(timeout_s + 1.0, lambda: _posted(url, body, headers, timeout_s, context))
    except TimeoutError:
        return NotSent(f"no answer within {timeout_s:g} s")
    except Exception as error:
        return NotSent(why(error, timeout_s))


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """The system's certificates, and those in the file."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(str(ca_file))
    return context


def _posted(
    url: str, body: bytes, headers: Mapping[str, str], timeout_s: float, context: ssl.SSLContext | None
) -> Answered:
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    request = urllib.request.Request(
        url, data=body, method="POST", headers={"User-Agent": "mobius", **headers}
    )
    try:
        answer = urllib.request.build_opener(*handlers).open(request, timeout=timeout_s)
    except urllib.error.HTTPError as refusal:
        answer = refusal
    with answer:
        text = answer.read(LARGEST_ANSWER).decode("utf-8", "replace")
        names = {name.lower(): value for name, value in answer.headers.items()}
        return Answered(int(answer.status or answer.code), names, text)


def why(error: BaseException, timeout_s: float) -> str:
    """What went wrong, without the address that it went wrong with."""
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, BaseException):
        return why(error.reason, timeout_s)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or 'no reason given'}"
    if isinstance(error, socket.gaierror):
        return f"its name could not be looked up ({error.strerror})"
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout_s:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, (ConnectionError, http.client.HTTPException)):
        return f"it broke the connection off ({type(error).__name__})"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return f"its address cannot be used ({type(error).__name__})"
