"""One HTTP exchange as a strict client sees it: what was sent, what came back, do the two belong together."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from mobius.adapters.load_line import Garbled, Line


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What it got. Header names are in lower case; of a repeated header the last value is kept."""

    status: int
    headers: dict[str, str]
    body: bytes


async def read_answer(line: Line, method: str) -> tuple[Answer, bool]:
    """One answer, and whether the connection may carry another request."""
    status, version = 100, ""
    headers: dict[str, str] = {}
    while 100 <= status < 200:
        status, headers, version = _parse_head(await line.read_until(b"\r\n\r\n"))
    tokens = {token.strip().lower() for token in headers.get("connection", "").split(",")}
    may_reuse = "close" not in tokens if version == "HTTP/1.1" else "keep-alive" in tokens
    if method == "HEAD" or status in (204, 304):
        body = b""
    elif "chunked" in headers.get("transfer-encoding", "").lower():
        body = await _read_chunks(line)
    elif "content-length" in headers:
        body = await line.read_exactly(_number(headers["content-length"], 10))
    else:
        body, may_reuse = await line.read_to_end(), False
    return Answer(status, headers, body), may_reuse


async def _read_chunks(line: Line) -> bytes:
    body = bytearray()
    while size := _number((await line.read_until(b"\r\n")).split(b";")[0].strip().decode("latin-1"), 16):
        body += await line.read_exactly(size)
        if await line.read_exactly(2) != b"\r\n":
            raise Garbled("a chunk does not end where it said")
    while await line.read_until(b"\r\n") != b"\r\n":
        pass  # trailers
    return bytes(body)


def _parse_head(head: bytes) -> tuple[int, dict[str, str], str]:
    first, *rest = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    version, _, after = first.partition(" ")
    if version not in ("HTTP/1.0", "HTTP/1.1") or not after[:3].isdigit():
        raise Garbled(f"not an HTTP answer: {first[:60]!r}")
    headers = {}
    for header in rest:
        name, colon, value = header.partition(":")
        if not colon:
            raise Garbled(f"not a header: {header[:60]!r}")
        headers[name.strip().lower()] = value.strip()
    return int(after[:3]), headers, version


def _number(text: str, base: int) -> int:
    try:
        return int(text, base)
    except ValueError:
        raise Garbled(f"not a length: {text[:40]!r}") from None


def signed_by(answer: Answer) -> str | None:
    """The release by header (`X-Release`, `X-Mobius-Release`) or by the JSON field `release` or `version`."""
    for name in ("x-release", "x-mobius-release"):
        if name in answer.headers:
            return answer.headers[name]
    return _json_field(answer, "release") or _json_field(answer, "version")


def echoes_the_body(request: Request, answer: Answer) -> str | None:
    """A POST must get the SHA-256 of its own body back: header `X-Body-SHA256` or JSON field `sha256`."""
    if request.method != "POST":
        return None
    found = answer.headers.get("x-body-sha256") or _json_field(answer, "sha256")
    expected = hashlib.sha256(request.body).hexdigest()
    return None if found == expected else f"expected the echo {expected[:12]}…, found {str(found)[:12]}…"


def _json_field(answer: Answer, name: str) -> str | None:
    if answer.body[:1] != b"{":
        return None
    try:
        value = json.loads(answer.body).get(name)
    except ValueError:
        return None
    return value if isinstance(value, str) else None
