"""The side of the door that faces releases: finds a connection for a request and brings its answer back."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from functools import lru_cache
from typing import TYPE_CHECKING

from mobius.host.chunks import LAST_CHUNK, BadChunk, ChunkReader, encode_chunks
from mobius.host.door_exchange import Exchange
from mobius.host.door_traffic import POOL_IDLE_S, POOL_SIZE, Traffic, Upstream
from mobius.host.headers import CHUNKED, UNTIL_CLOSE, Refused, ResponseHead, parse_response_head

if TYPE_CHECKING:
    from mobius.host.door_client import ClientConnection

CONNECT_PATIENCE_S = 1.0  # how long a request waits for a process that is being restarted
CONNECT_PAUSE_S = 0.02
TUNNEL_IDLE_S = 3600.0
HEAD_LIMIT_BYTES = 64 * 1024

IN_HEAD, IN_BODY, IN_CHUNKS, UNTIL_EOF = range(4)

_parse_small_head = lru_cache(maxsize=512)(parse_response_head)
_WITH_BODY = frozenset((b"POST", b"PUT", b"PATCH"))


def send_upstream(exchange: Exchange) -> None:
    """Sends the request to the slot whose turn it is: on a kept connection where the request could be sent
    again if that has just died, else on a new one."""
    client = exchange.client
    traffic = client.traffic
    upstream = traffic.next_upstream()
    if upstream is None:
        client.turn_away(exchange, "no_upstream")
        return
    now = traffic.loop.time()
    _assign(exchange, upstream, traffic)
    exchange.started = now
    exchange.deadline = now + traffic.limits.upstream_timeout_s
    if exchange.head.retriable and not exchange.attempts:
        pool = upstream.pool
        while pool:
            connection = pool.pop()
            if connection.idle_since + POOL_IDLE_S > now and not connection.transport.is_closing():
                connection.carry(exchange)
                return
            connection.close()
    exchange.task = traffic.loop.create_task(_connect(exchange))


def abandon(exchange: Exchange) -> None:
    """Nobody waits for this answer any more: the connection that would bring it is closed."""
    if exchange.task is not None:
        exchange.task.cancel()
        exchange.task = None
    connection, exchange.connection = exchange.connection, None
    if connection is not None:
        connection.exchange = None
        connection.transport.abort()


def _assign(exchange: Exchange, upstream: Upstream, traffic: Traffic) -> None:
    if exchange.upstream is not None:
        exchange.upstream.finished(exchange)
    exchange.upstream = upstream
    exchange.count = upstream.count
    exchange.generation = traffic.generation
    upstream.in_flight.add(exchange)


async def _connect(exchange: Exchange) -> None:
    """A new connection for this request; nothing of it was sent yet, so every slot with weight may be tried,
    until one accepts or patience ends."""
    traffic = exchange.client.traffic
    give_up_at = traffic.loop.time() + CONNECT_PATIENCE_S
    try:
        while True:
            upstream = exchange.upstream
            assert upstream is not None
            for candidate in (upstream, *traffic.others_with_weight(upstream)):
                connection = await _open(candidate, traffic)
                if connection is not None:
                    if candidate is not upstream:
                        _assign(exchange, candidate, traffic)
                    exchange.task = None
                    connection.carry(exchange)
                    return
            if traffic.loop.time() > give_up_at:
                break
            await asyncio.sleep(CONNECT_PAUSE_S)
            again = traffic.next_upstream()  # the weights may have changed while we waited
            if again is not None and again is not upstream:
                _assign(exchange, again, traffic)
        exchange.task = None
        exchange.client.fail(exchange, 502)
    except Exception as error:  # a bug of ours must not leave the client waiting
        print(f"door: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        exchange.task = None
        if exchange.client.exchange is exchange:
            exchange.client.fail(exchange, 502)


async def _open(upstream: Upstream, traffic: Traffic) -> UpstreamConnection | None:
    """One attempt to connect; None when nobody accepts there now."""
    line: socket.socket | None = None
    try:
        if upstream.listen != "port" and not upstream.prefers_port and upstream.socket:
            line = _connect_unix(upstream.socket)
        if line is None and upstream.listen != "socket" and upstream.port:
            line = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            line.setblocking(False)
            await asyncio.wait_for(traffic.loop.sock_connect(line, ("127.0.0.1", upstream.port)), 1.0)
            upstream.prefers_port = upstream.listen == "auto"
        if line is None:
            upstream.prefers_port = False
            return None
        _, connection = await traffic.loop.create_connection(
            lambda: UpstreamConnection(traffic, upstream), sock=line
        )
        return connection
    except (OSError, TimeoutError):
        upstream.prefers_port = False
        if line is not None:
            line.close()
        return None
    except asyncio.CancelledError:
        if line is not None:
            line.close()
        raise


def _connect_unix(path: str) -> socket.socket | None:
    """A Unix socket connects at once or not at all: a full backlog is EAGAIN, which asyncio takes for
    "in progress" and would then report as connected."""
    if not os.path.exists(path):  # noqa: PTH110 - on the way of every new connection
        return None
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.setblocking(False)
    try:
        line.connect(path)
    except OSError:
        line.close()
        return None
    return line


class UpstreamConnection(asyncio.Protocol):
    """One connection to a release. Carries one exchange, then is kept for the next or closed."""

    __slots__ = (
        "buffer", "chunks", "exchange", "got_bytes", "idle_since", "keep_alive", "left", "reading_paused",
        "ready", "state", "traffic", "transport", "upstream",
    )  # fmt: skip

    transport: asyncio.Transport

    def __init__(self, traffic: Traffic, upstream: Upstream) -> None:
        self.traffic = traffic
        self.upstream = upstream
        self.exchange: Exchange | None = None
        self.buffer = b""
        self.state = IN_HEAD
        self.left = 0
        self.chunks = ChunkReader()
        self.keep_alive = False
        self.ready = False
        self.got_bytes = False
        self.reading_paused = False
        self.idle_since = 0.0

    def carry(self, exchange: Exchange) -> None:
        """Sends this request, and what has come of its body."""
        self.exchange = exchange
        exchange.connection = self
        self.state = IN_HEAD
        self.buffer = b""
        self.got_bytes = False
        client = exchange.client
        if self.transport.is_closing():
            self.exchange = exchange.connection = None
            self.traffic.loop.call_soon(self._lost_before_answer, exchange)
            return
        self.ready = True
        self.transport.write(request_head(exchange, client))
        if exchange.body_left and client.buffer:
            data, client.buffer = client.buffer, b""
            client.pass_body(exchange, data)
        if client.paused:
            client.resume(1)

    # -- what asyncio calls ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            self.close()  # it speaks without being asked: not to be trusted with a next request
        elif exchange.is_tunnel:
            exchange.deadline = self.traffic.loop.time() + TUNNEL_IDLE_S
            exchange.count.bytes += len(data)
            exchange.client.transport.write(data)
        elif self.state == IN_HEAD:
            self.got_bytes = True
            self._read_head(exchange, self.buffer + data if self.buffer else data)
        else:
            exchange.deadline = self.traffic.loop.time() + self.traffic.limits.upstream_timeout_s
            self._read_body(exchange, b"", data)

    def eof_received(self) -> bool:
        exchange = self.exchange
        if exchange is not None and exchange.is_tunnel and not exchange.client.is_tls:
            if not exchange.client.transport.is_closing():
                exchange.client.transport.write_eof()
            return not exchange.client.half_closed_at
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            if self in self.upstream.pool:
                self.upstream.pool.remove(self)
            return
        exchange.connection = None
        if exchange.is_tunnel:
            exchange.client.fail(exchange, 502)
        elif self.state == UNTIL_EOF and exc is None:
            if exchange.client.transport.is_closing():
                return
            if exchange.head.http_1_1:
                exchange.client.transport.write(LAST_CHUNK)
            exchange.client.response_done(exchange)
        elif self.state == IN_HEAD and not self.got_bytes:
            self._lost_before_answer(exchange)
        else:
            exchange.client.fail(exchange, 502)

    def pause_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.client.pause(2)

    def resume_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.client.resume(2)

    # -- the answer ------------------------------------------------------------------------------------------

    def _read_head(self, exchange: Exchange, data: bytes) -> None:
        while True:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self.buffer = data
                if len(data) > HEAD_LIMIT_BYTES:
                    self._garbled(exchange)
                return
            end += 4
            parse = _parse_small_head if end <= 1024 else parse_response_head
            try:
                head = parse(data if end == len(data) else data[:end], exchange.head.method)
            except Refused:
                self._garbled(exchange)
                return
            data = data[end:]
            if head.status >= 200:
                break
            if head.status == 101:
                self._become_tunnel(exchange, head, data)
                return
            if exchange.head.http_1_1:
                exchange.client.transport.write(head.start + b"\r\n")
        self.buffer = b""
        self._begin_body(exchange, head, data)

    def _begin_body(self, exchange: Exchange, head: ResponseHead, data: bytes) -> None:
        exchange.status = head.status
        exchange.response_started = True
        self.upstream.answered_in = self.traffic.generation
        self.keep_alive = head.keep_alive
        out = response_head(exchange, head, self.upstream)
        length = head.length
        if length >= 0:
            self.left = length
            self.state = IN_BODY
            if not length:
                exchange.client.transport.write(out)
                self._done(exchange, data)
                return
        elif length == CHUNKED:
            self.chunks = ChunkReader()
            self.state = IN_CHUNKS
        else:
            self.state = UNTIL_EOF
        exchange.deadline = self.traffic.loop.time() + self.traffic.limits.upstream_timeout_s
        self._read_body(exchange, out, data)

    def _read_body(self, exchange: Exchange, out: bytes, data: bytes) -> None:
        """Passes on `out`, then what `data` brings of the body."""
        write = exchange.client.transport.write
        if self.state == IN_BODY:
            size = len(data)
            exchange.count.bytes += size
            if size >= self.left:
                rest = b""
                if size > self.left:
                    data, rest = data[: self.left], data[self.left :]
                write(out + data if out else data)
                self._done(exchange, rest)
            else:
                self.left -= size
                write(out + data if out else data)
            return
        exchange.count.bytes += len(data)
        done = False
        if self.state == IN_CHUNKS:
            try:
                pieces = self.chunks.feed(data)
            except BadChunk:
                if out:
                    write(out)
                self._garbled(exchange)
                return
            done = self.chunks.done
        else:
            pieces = [data]
        if exchange.head.http_1_1:
            out += encode_chunks(pieces) + (LAST_CHUNK if done else b"")
        else:
            out += b"".join(pieces)
        if out:
            write(out)
        if done:
            self._done(exchange, self.chunks.rest)

    def _done(self, exchange: Exchange, rest: bytes) -> None:
        """The answer is complete. The connection is kept only when nothing is doubtful about it."""
        self.exchange = exchange.connection = None
        upstream = self.upstream
        if exchange.body_left:
            self.transport.abort()
        elif self.keep_alive and not rest and upstream.keeps_idle and len(upstream.pool) < POOL_SIZE:
            if self.reading_paused:
                self.resume_reading()
            self.idle_since = self.traffic.loop.time()
            upstream.pool.append(self)
        else:
            self.transport.close()
        exchange.client.response_done(exchange)

    def _become_tunnel(self, exchange: Exchange, head: ResponseHead, data: bytes) -> None:
        if not exchange.head.websocket:
            self._garbled(exchange)
            return
        client = exchange.client
        exchange.status = 101
        exchange.response_started = exchange.is_tunnel = True
        exchange.deadline = self.traffic.loop.time() + TUNNEL_IDLE_S
        self.upstream.answered_in = self.traffic.generation
        upgrade = b"Connection: Upgrade\r\nUpgrade: %b\r\n\r\n" % (head.upgrade or b"websocket")
        client.transport.write(head.start + upgrade + data)
        early, client.buffer = client.buffer, b""
        if early:
            self.transport.write(early)
        client.resume(1 | 2)

    def _garbled(self, exchange: Exchange) -> None:
        self.exchange = exchange.connection = None
        self.transport.abort()
        exchange.client.fail(exchange, 502)

    def _lost_before_answer(self, exchange: Exchange) -> None:
        """The connection died before the first byte of an answer: asked again once, where asking twice is the
        same as asking once."""
        if exchange.client.exchange is not exchange:
            return
        if exchange.head.retriable and not exchange.attempts:
            exchange.attempts += 1
            send_upstream(exchange)
        else:
            exchange.client.fail(exchange, 502)

    # -- the connection itself -------------------------------------------------------------------------------

    def close(self) -> None:
        self.transport.close()

    def end_sending(self) -> None:
        """The client of a tunnel has closed its sending half."""
        if not self.transport.is_closing():
            self.transport.write_eof()

    def pause_reading(self) -> None:
        if not self.reading_paused and not self.transport.is_closing():
            self.reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.reading_paused:
            self.reading_paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()


def request_head(exchange: Exchange, client: ClientConnection) -> bytes:
    """The head as the release gets it: hop-by-hop lines removed, framing and X-Forwarded-* our own."""
    head = exchange.head
    forwarded = client.forwarded
    forwarded_host = head.host
    if client.traffic.trusted and client.address in client.traffic.trusted:
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
    return head.start + framing + b"\r\n"
