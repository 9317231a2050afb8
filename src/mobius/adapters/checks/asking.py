"""What is asked: an address and a request, as the bytes that go over the line."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import SplitResult, quote, unquote, urlsplit

_SAFE = "/?&=%:;,+@!$()*~.#[]"


class Unanswered(Exception):
    """The other side gave no proper answer; the text says what it did instead."""


class NotAsked(Exception):
    """The question could not be put, or the answer not taken, through no fault of the other side."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask. `url` is absolute: http, https, or unix:/path/of.sock (then `target` is the path asked for)."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    target: str = ""


def as_bytes(request: Request, parts: SplitResult) -> bytes:
    """The request as HTTP. Raises NotAsked when it cannot be written so."""
    if request.headers or request.body:
        return _written(request, parts)
    return _plain(request.url, request.method, request.target)


@lru_cache(maxsize=512)
def _plain(url: str, method: str, target: str) -> bytes:
    """One that is asked again and again."""
    return _written(Request(url, method, target=target), urlsplit(url))


def _written(request: Request, parts: SplitResult) -> bytes:
    target = request.target or (f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/")
    headers = {
        "Host": host_of(parts),
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
    lines = [f"{request.method} {quote(target, safe=_SAFE)} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in (*headers.items(), *request.headers.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise NotAsked("a header or the address has a line break in it")
    try:
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
    except UnicodeEncodeError as error:
        raise NotAsked("a header has characters that HTTP cannot carry") from error


def host_of(parts: SplitResult) -> str:
    """As the other side is to read it: with its port, unless that goes without saying."""
    host = parts.hostname or "localhost"
    name = host if host.isascii() else host.encode("idna").decode()
    name = f"[{name}]" if ":" in name else name
    default = 443 if parts.scheme == "https" else 80
    return name if parts.port in (None, default) else f"{name}:{parts.port}"


@lru_cache(maxsize=512)
def shown(url: str) -> str:
    """The address without user, password and query, fit to print."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    host = parts.netloc.rpartition("@")[2]
    return SplitResult(parts.scheme, host, parts.path, "", "").geturl()
