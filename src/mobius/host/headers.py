"""The strict rules for request and response heads: what is let through, and what of it goes on.

Two parsers must agree on a request, ours by grammar and llhttp by state machine; where servers are known to
read the same bytes differently (request smuggling), the answer is 400 and nothing goes on.
Rules: RFC 9112 §2-7, RFC 9110 §7.6.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import httptools

from mobius.host.door_sticky import NAME, NO_NUMBER, taken_out

CHUNKED = -1  # a body length: its end is said by the last chunk
UNTIL_CLOSE = -2  # a body length: its end is the end of the connection

IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"))

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_FIELDS = rb"(?:" + _TOKEN + rb":[\t -~\x80-\xff]*\r\n)*\r\n"
_REQUEST = re.compile(_TOKEN + rb" [!\"$-~]+ HTTP/1\.[01]\r\n" + _FIELDS)
_RESPONSE = re.compile(rb"HTTP/1\.[01] [1-9][0-9][0-9](?: [\t -~\x80-\xff]*)?\r\n" + _FIELDS)
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z\-._~%!$&'()*+,;=]+)(?::[0-9]{0,5})?")
_LENGTH = re.compile(rb"[0-9]{1,18}")

_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection proxy-authorization proxy-authenticate"
    b" te trailer transfer-encoding upgrade".split()
)
_OURS = frozenset(
    b"x-forwarded-for x-forwarded-proto x-forwarded-host x-forwarded-port x-forwarded-server"
    b" x-forwarded-prefix x-real-ip forwarded x-mobius-release".split()
)
_FRAMING = frozenset((b"content-length", b"host", b"expect"))
_REQUEST_SPECIAL = _HOP_BY_HOP | _OURS | _FRAMING | {b"cookie"}
_RESPONSE_SPECIAL = _HOP_BY_HOP | {b"content-length", b"x-mobius-release"}
# A Connection header that names one of these would have us remove what the next server needs to be safe.
_NOT_BY_CONNECTION = _FRAMING | {b"authorization", b"cookie", b"cache-control"}


class Refused(Exception):
    """This head is not let through; `status` is the answer to it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(slots=True, eq=False)
class RequestHead:
    """One request, as far as the door cares. `lines` are the header lines to pass on, each with its CRLF."""

    method: bytes
    target: bytes
    path: bytes
    http_1_1: bool
    keep_alive: bool
    length: int  # of the body in bytes, or CHUNKED
    expects_continue: bool
    websocket: bytes  # the value of Upgrade, for a WebSocket handshake, else empty
    host: bytes
    lines: bytes
    forwarded_for: bytes
    forwarded_proto: bytes
    forwarded_host: bytes
    retriable: bool  # no body and idempotent: may be sent again when no answer came
    number: int  # the client's own, by its cookie; NO_NUMBER where it has none


@dataclass(slots=True, eq=False)
class ResponseHead:
    """One response head. `start` is its status line and the lines to pass on, without framing."""

    status: int
    keep_alive: bool
    length: int  # of the body in bytes, or CHUNKED, or UNTIL_CLOSE
    content_length: int  # what Content-Length said, -1 for nothing; HEAD and 304 have one, and no body
    start: bytes
    upgrade: bytes


class _Fields:
    """Collects what llhttp calls back with."""

    __slots__ = ("headers", "reason", "url")

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.url = b""
        self.reason = b""

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_status(self, reason: bytes) -> None:
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))


def parse_request_head(head: bytes, max_count: int = 100) -> RequestHead:
    """The request in `head` (which ends with its empty line). Raises Refused when it must not go on."""
    if not _REQUEST.fullmatch(head):
        raise Refused(400, _why_not(head))
    seen = _Fields()
    parser = httptools.HttpRequestParser(seen)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        raise Refused(400, str(error)) from None
    if len(seen.headers) > max_count:
        raise Refused(431, f"more than {max_count} header lines")
    http_1_1 = head[head.index(b"\r\n") - 1] == 0x31
    return _request(parser.get_method(), seen.url, http_1_1, seen.headers)


def _request(method: bytes, target: bytes, http_1_1: bool, headers: list[tuple[bytes, bytes]]) -> RequestHead:
    found: dict[bytes, bytes] = {}
    lines: list[bytes] = []
    numbers: list[int] = []
    for name, value in headers:
        lower = name.lower()
        key = lower.replace(b"_", b"-")
        if key not in _REQUEST_SPECIAL:
            lines.append(b"%b: %b\r\n" % (name, value))
        elif lower == b"cookie":
            cookies = value
            if NAME in value:
                number, cookies = taken_out(value)
                numbers.append(number)
            if cookies:
                lines.append(b"%b: %b\r\n" % (name, cookies))
        elif key != lower:
            # CGI and WSGI read X_Forwarded_For and Content_Length as if they had dashes: never passed on.
            continue
        elif key in found:
            if key in _FRAMING or key == b"transfer-encoding":
                raise Refused(400, f"more than one {name.decode()} header")
            found[key] += b", " + value
        else:
            found[key] = value
    if method == b"CONNECT":
        raise Refused(405, "CONNECT is not served")
    connection = _connection(found[b"connection"]) if b"connection" in found else _NONE
    if connection and (named := connection - _HOP_BY_HOP - _OURS - {b"close"}):
        lines = [line for line in lines if line[: line.index(b":")].lower() not in named]
    length = _request_length(found, http_1_1)
    target, path, host = _place(method, target, found.get(b"host"), http_1_1)
    expect = found.get(b"expect", b"").lower()
    if expect and expect != b"100-continue":
        raise Refused(417, "an expectation other than 100-continue")
    upgrade = found.get(b"upgrade", b"")
    is_websocket = (
        upgrade.lower() == b"websocket" and b"upgrade" in connection and method == b"GET" and http_1_1
    )
    return RequestHead(
        method=method,
        target=target,
        path=path,
        http_1_1=http_1_1,
        keep_alive=b"close" not in connection if http_1_1 else b"keep-alive" in connection,
        length=length,
        expects_continue=bool(expect) and http_1_1 and length != 0,
        websocket=upgrade if is_websocket and length == 0 else b"",
        host=host,
        lines=b"".join(lines),
        forwarded_for=found.get(b"x-forwarded-for", b""),
        forwarded_proto=found.get(b"x-forwarded-proto", b""),
        forwarded_host=found.get(b"x-forwarded-host", b""),
        retriable=length == 0 and method in IDEMPOTENT and not is_websocket,
        number=numbers[0] if len(numbers) == 1 else NO_NUMBER,
    )


def _request_length(found: dict[bytes, bytes], http_1_1: bool) -> int:
    coding, length = found.get(b"transfer-encoding"), found.get(b"content-length")
    if coding is not None:
        if not http_1_1 or coding.lower() != b"chunked":
            raise Refused(400, "a Transfer-Encoding other than chunked on HTTP/1.1")
        if length is not None:
            raise Refused(400, "both Content-Length and Transfer-Encoding")
        return CHUNKED
    if length is None:
        return 0
    if not _LENGTH.fullmatch(length):
        raise Refused(400, "a Content-Length that is not a number")
    return int(length)


def _place(method: bytes, target: bytes, host: bytes | None, http_1_1: bool) -> tuple[bytes, bytes, bytes]:
    """The target in origin form, its path, and the host; a target that names another host is refused."""
    if host is None:
        if http_1_1:
            raise Refused(400, "no Host header")
    elif not _HOST.fullmatch(host):
        raise Refused(400, "a Host header that is not a host")
    if not target.startswith(b"/"):
        if target == b"*" and method == b"OPTIONS":
            return target, target, host or b""
        scheme, _, rest = target.partition(b"://")
        if scheme.lower() not in (b"http", b"https"):
            raise Refused(400, "a target that is neither a path nor a URL")
        end = next((at for at, byte in enumerate(rest) if byte in b"/?"), len(rest))
        authority = rest[:end]
        if not _HOST.fullmatch(authority) or (host is not None and authority.lower() != host.lower()):
            raise Refused(400, "a target for another host than its Host header")
        host = authority
        target = rest[end:] if rest[end : end + 1] == b"/" else b"/" + rest[end:]
    return target, target.partition(b"?")[0], host or b""


def parse_response_head(head: bytes, method: bytes) -> ResponseHead:
    """The response in `head` to a request with `method`. Raises Refused(502) when it is garbled."""
    if not _RESPONSE.fullmatch(head):
        raise Refused(502, "an answer that is not HTTP/1.x")
    seen = _Fields()
    parser = httptools.HttpResponseParser(seen)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        raise Refused(502, str(error)) from None
    status: int = parser.get_status_code()
    http_1_1 = head[7] == 0x31
    found: dict[bytes, bytes] = {}
    lines: list[bytes] = [b"HTTP/1.1 %d %b\r\n" % (status, seen.reason)]
    for name, value in seen.headers:
        lower = name.lower()
        if lower not in _RESPONSE_SPECIAL:
            lines.append(b"%b: %b\r\n" % (name, value))
        elif lower in found:
            if lower == b"content-length" and found[lower] != value:
                raise Refused(502, "an answer with two lengths")
            found[lower] = found[lower] + b", " + value if lower != b"content-length" else value
        else:
            found[lower] = value
    connection = _named(found[b"connection"]) if b"connection" in found else _NONE
    if connection and (named := connection - _HOP_BY_HOP - {b"close"}):
        lines = lines[:1] + [line for line in lines[1:] if line[: line.index(b":")].lower() not in named]
    length, content_length = _response_length(found, status, method, http_1_1)
    return ResponseHead(
        status=status,
        keep_alive=(b"close" not in connection if http_1_1 else b"keep-alive" in connection)
        and length != UNTIL_CLOSE,
        length=length,
        content_length=content_length,
        start=b"".join(lines),
        upgrade=found.get(b"upgrade", b""),
    )


def _response_length(
    found: dict[bytes, bytes], status: int, method: bytes, http_1_1: bool
) -> tuple[int, int]:
    coding, said = found.get(b"transfer-encoding"), found.get(b"content-length")
    if said is not None and not _LENGTH.fullmatch(said):
        raise Refused(502, "an answer whose length is not a number")
    content_length = -1 if said is None else int(said)
    if status < 200 or status == 204:
        return 0, -1
    if status == 304 or method == b"HEAD":
        return 0, content_length
    if coding is not None:
        if said is not None or coding.lower() != b"chunked" or not http_1_1:
            raise Refused(502, "an answer with a transfer coding other than chunked alone")
        return CHUNKED, -1
    return (UNTIL_CLOSE if said is None else content_length), content_length


def _connection(value: bytes) -> frozenset[bytes]:
    named = _named(value)
    if named & _NOT_BY_CONNECTION:
        raise Refused(400, "a Connection header that names what must stay")
    return named


def _named(value: bytes) -> frozenset[bytes]:
    return frozenset([part.strip().lower() for part in value.split(b",")]) if value else _NONE


_NONE: frozenset[bytes] = frozenset()


def _why_not(head: bytes) -> str:
    line = head.partition(b"\r\n")[0]
    if b"\x00" in head:
        return "a NUL byte"
    if not re.fullmatch(_TOKEN + rb" [!\"$-~]+ HTTP/1\.[01]", line):
        return "not a request line of HTTP/1.0 or HTTP/1.1"
    return "a header line that is not `name: value` with CRLF"
