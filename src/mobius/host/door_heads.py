"""The heads as the door writes them: what a release gets to see, and what a client does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobius.host.door_sticky import is_for_many, set_cookie
from mobius.host.headers import CHUNKED, UNTIL_CLOSE, ResponseHead

if TYPE_CHECKING:
    from mobius.host.door_client import ClientConnection
    from mobius.host.door_exchange import Exchange
    from mobius.host.door_traffic import Upstream

REASONS = {
    400: b"Bad Request", 405: b"Method Not Allowed", 408: b"Request Timeout", 413: b"Content Too Large",
    417: b"Expectation Failed", 431: b"Request Header Fields Too Large", 502: b"Bad Gateway",
    503: b"Service Unavailable", 504: b"Gateway Timeout",
}  # fmt: skip

BY_SOCKET = "unix"  # the address of a client that came by a Unix socket
_WITH_BODY = frozenset((b"POST", b"PUT", b"PATCH"))


def request_head(exchange: Exchange, client: ClientConnection) -> bytes:
    """The head as the release gets it: hop-by-hop lines removed, framing and X-Forwarded-* our own."""
    head = exchange.head
    forwarded = client.forwarded
    forwarded_host = head.host
    if client.address == BY_SOCKET:
        # A proxy on our Unix socket, which nobody else may open, has said who the client is.
        said = b"X-Forwarded-For: %b\r\n" % head.forwarded_for if head.forwarded_for else b""
        forwarded = said + b"X-Forwarded-Proto: %b\r\n" % (head.forwarded_proto or b"http")
        forwarded_host = head.forwarded_host or head.host
    elif client.traffic.trusted and client.address in client.traffic.trusted:
        before = head.forwarded_for + b", " if head.forwarded_for else b""
        proto = head.forwarded_proto or (b"https" if client.is_tls else b"http")
        forwarded = b"X-Forwarded-For: %b%b\r\nX-Forwarded-Proto: %b\r\n" % (
            before, client.address.encode(), proto,
        )  # fmt: skip
        forwarded_host = head.forwarded_host or head.host
    framing = b""
    if head.length > 0 or (head.length == 0 and head.method in _WITH_BODY):
        framing = b"Content-Length: %d\r\n" % head.length
    elif head.length == CHUNKED:
        framing = b"Transfer-Encoding: chunked\r\n"
    if head.expects_continue:
        framing += b"Expect: 100-continue\r\n"
    if head.websocket:
        framing += b"Connection: Upgrade\r\nUpgrade: %b\r\n" % head.websocket
    return b"%b %b HTTP/1.1\r\nHost: %b\r\n%b%bX-Forwarded-Host: %b\r\n%b\r\n" % (
        head.method, head.target, head.host or b"localhost", head.lines, forwarded, forwarded_host, framing,
    )  # fmt: skip


def response_head(exchange: Exchange, head: ResponseHead, upstream: Upstream) -> bytes:
    """The head as the client gets it; decides here whether its connection ends after this answer."""
    if exchange.body_left or exchange.client.traffic.leaving:
        exchange.wants_close = True
    framing = b""
    if head.content_length >= 0:
        framing = b"Content-Length: %d\r\n" % head.content_length
    elif head.length in (CHUNKED, UNTIL_CLOSE):
        if exchange.head.http_1_1:
            framing = b"Transfer-Encoding: chunked\r\n"
        else:
            exchange.wants_close = True
    if exchange.wants_close:
        framing += b"Connection: close\r\n"
    elif not exchange.head.http_1_1:
        framing += b"Connection: keep-alive\r\n"
    if exchange.client.traffic.expose_release:
        framing += b"X-Mobius-Release: %b\r\n" % upstream.release.encode("ascii", "replace")
    if exchange.gets_number and not is_for_many(head.start):
        framing += set_cookie(exchange.number, exchange.client.is_tls)
    return head.start + framing + b"\r\n"


def own_answer(status: int, reason: str, connection: bytes, retry_after_s: int, is_head: bool) -> bytes:
    """A whole answer of the door itself, in plain text."""
    text = b"%d %b%b\n" % (status, REASONS[status], b": " + reason.encode() if reason else b"")
    lines = [b"HTTP/1.1 %d %b" % (status, REASONS[status]), b"Content-Type: text/plain"]
    lines.append(b"Content-Length: %d" % len(text))
    if retry_after_s:
        lines.append(b"Retry-After: %d" % retry_after_s)
    if connection:
        lines.append(b"Connection: " + connection)
    return b"\r\n".join(lines) + b"\r\n\r\n" + (b"" if is_head else text)
