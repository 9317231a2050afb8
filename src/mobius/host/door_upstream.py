"""The side of the door that faces releases: carries a request there and brings its answer back."""

from __future__ import annotations

import asyncio
from functools import lru_cache

from mobius.host.chunks import LAST_CHUNK, BadChunk, ChunkReader, encode_chunks
from mobius.host.door_exchange import BUFFER_FULL, TUNNEL_IDLE_S, UPSTREAM_FULL, Exchange
from mobius.host.door_heads import request_head, response_head
from mobius.host.door_sticky import set_cookie
from mobius.host.door_traffic import POOL_SIZE, Traffic, Upstream
from mobius.host.headers import CHUNKED, Refused, ResponseHead, parse_response_head

HEAD_LIMIT_BYTES = 64 * 1024

IN_HEAD, IN_BODY, IN_CHUNKS, UNTIL_EOF = range(4)

_parse_small_head = lru_cache(maxsize=512)(parse_response_head)


class UpstreamConnection(asyncio.Protocol):
    """One connection to a release. Carries one exchange, then is kept for the next or closed."""

    __slots__ = (
        "buffer", "chunks", "exchange", "got_bytes", "has_ended", "idle_since", "keep_alive", "left", "reading_paused",
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
        self.has_ended = False  # the release has closed its sending half of a tunnel
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
            client.resume(BUFFER_FULL)
        if exchange.body_left and not client.paused and not exchange.head.expects_continue:
            exchange.wait_for_client(self.traffic.loop.time())

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
            self.has_ended = True
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
            self.exchange.client.pause(UPSTREAM_FULL)

    def resume_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.client.resume(UPSTREAM_FULL)

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
            if exchange.body_left:  # which the client sends now
                exchange.wait_for_client(self.traffic.loop.time())
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
        upgrade = b"Connection: Upgrade\r\nUpgrade: %b\r\n" % (head.upgrade or b"websocket")
        if exchange.gets_number:
            upgrade += set_cookie(exchange.number, client.is_tls)
        client.transport.write(head.start + upgrade + b"\r\n" + data)
        early, client.buffer = client.buffer, b""
        if early:
            self.transport.write(early)
        client.resume(BUFFER_FULL | UPSTREAM_FULL)

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
            exchange.client.send_on(exchange)
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
