"""The side of the door that faces clients: reads requests one after the other and keeps each to its
limits."""

from __future__ import annotations

import asyncio
import re
from functools import lru_cache

from mobius.host.chunks import LAST_CHUNK, BadChunk, encode_chunks
from mobius.host.door_exchange import BUFFER_FULL, FOREVER, TUNNEL_IDLE_S, UPSTREAM_FULL, Exchange
from mobius.host.door_heads import BY_SOCKET, own_answer
from mobius.host.door_send import abandon, send_upstream
from mobius.host.door_traffic import HOLD_BYTES_PER_BODY, Traffic
from mobius.host.headers import Refused, parse_request_head

READ_AHEAD_BYTES = 64 * 1024  # of a body or of pipelined requests, before reading from the client pauses
LINGER_S = 2.0

_BARE_LF = re.compile(rb"(?<!\r)\n")
_REQUEST_LINE = re.compile(rb"[^ \r\n]+ [^ \r\n]+ HTTP/1\.[01]")
_parse_small_head = lru_cache(maxsize=512)(
    parse_request_head
)  # clients that poll send the same head each time


class ClientConnection(asyncio.Protocol):
    """One connection of a client. At most one exchange at a time; what comes early waits in the buffer."""

    __slots__ = (
        "address",
        "body_window",
        "buffer",
        "closing",
        "deadline",
        "deadline_is_idle",
        "exchange",
        "forwarded",
        "half_closed_at",
        "is_tls",
        "paused",
        "stalled_until",
        "traffic",
        "transport",
        "unsent",
    )  # fmt: skip

    transport: asyncio.Transport

    def __init__(self, traffic: Traffic, is_tls: bool) -> None:
        self.traffic = traffic
        self.is_tls = is_tls
        self.buffer = b""
        self.exchange: Exchange | None = None
        self.deadline = FOREVER  # of the head, of idleness, or of lingering, whichever holds now
        self.body_window = (FOREVER, 0)  # until when, and how much of the body had been seen when it began
        self.paused = 0
        self.closing = False
        self.half_closed_at = 0.0
        self.deadline_is_idle = False
        self.unsent = 0  # bytes the client had not taken when writing to it paused; 0 while it keeps up
        self.stalled_until = FOREVER
        self.address = ""
        self.forwarded = b""

    # -- what asyncio calls ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if isinstance(peer, tuple) else BY_SOCKET
        proto = b"https" if self.is_tls else b"http"
        self.forwarded = b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\n" % (self.address.encode(), proto)
        traffic = self.traffic
        traffic.clients.add(self)
        self.deadline = traffic.loop.time() + traffic.limits.header_timeout_s

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            if not self.closing:
                self.buffer = self.buffer + data if self.buffer else data
                self.next_request()
        elif exchange.is_tunnel:
            assert exchange.connection is not None
            exchange.deadline = self.traffic.loop.time() + TUNNEL_IDLE_S
            exchange.connection.transport.write(data)
        elif exchange.body_left and exchange.connection is not None and exchange.connection.ready:
            self.pass_body(exchange, data)
        else:
            self.buffer += data
            if len(self.buffer) > READ_AHEAD_BYTES:
                self.pause(BUFFER_FULL)

    def eof_received(self) -> bool:
        exchange = self.exchange
        if exchange is None or self.is_tls:
            return False
        if exchange.is_tunnel:
            assert exchange.connection is not None
            exchange.connection.end_sending()
            self.half_closed_at = self.traffic.loop.time()
            return not exchange.connection.has_ended  # a tunnel whose two sides have ended is over
        if exchange.body_left:
            return False
        self.half_closed_at = self.traffic.loop.time()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.closing = True
        self.traffic.clients.discard(self)
        exchange = self.exchange
        if exchange is not None:
            self._end(exchange, failed_by_door=False)
            abandon(exchange)

    def pause_writing(self) -> None:
        self.unsent = self.transport.get_write_buffer_size()
        now = self.traffic.loop.time()
        self.stalled_until = now + self.traffic.limits.body_timeout_s
        if self.exchange is not None and self.exchange.connection is not None:
            self.exchange.connection.pause_reading()
            self.exchange.wait_for_client(now)

    def resume_writing(self) -> None:
        self.unsent = 0
        if self.exchange is not None and self.exchange.connection is not None:
            self.exchange.connection.resume_reading()
            if not self.exchange.body_left or self.paused:
                self.exchange.client_came(self.traffic.loop.time())

    # -- requests --------------------------------------------------------------------------------------------

    def next_request(self) -> None:
        """Reads the next request from the buffer, if it is there, and sends it on its way."""
        traffic, buffer = self.traffic, self.buffer
        if self.closing:
            return
        now = traffic.loop.time()
        end = buffer.find(b"\r\n\r\n")
        if end <= 0:
            self._await_head(buffer, end, now)
            return
        end += 4
        limits = traffic.limits
        try:
            if end > limits.header_bytes:
                raise Refused(431, f"a head of more than {limits.header_bytes} bytes")
            if end == len(buffer):
                head, self.buffer = buffer, b""
            else:
                head, self.buffer = buffer[:end], buffer[end:]
            parse = _parse_small_head if end <= 1024 else parse_request_head
            request = parse(head, limits.header_count)
            if limits.body_bytes and request.length > limits.body_bytes:
                raise Refused(413, f"a body of more than {limits.body_bytes} bytes")
        except Refused as refusal:
            self.refuse(refusal.status, refusal.reason)
            return
        exchange = self.exchange = Exchange(self, request, now)
        self.deadline = FOREVER
        if request.length:
            self.body_window = (now + limits.body_timeout_s, 0)
        if traffic.routes:
            exchange.route = traffic.route_of(request.path)
        if traffic.hold is not None:
            size = end + (HOLD_BYTES_PER_BODY if request.length else 0)
            if not traffic.hold.admit(exchange, size):
                self.turn_away(exchange, "hold_overflow")
            return
        send_upstream(exchange)

    def send_on(self, exchange: Exchange) -> None:
        """The hold is over, or the connection this was sent on has died without an answer."""
        send_upstream(exchange)

    def _await_head(self, buffer: bytes, end: int, now: float) -> None:
        if end == 0 or buffer.startswith(b"\r\n"):
            # RFC 9112 §2.2: an empty line before a request is forgiven, once.
            self.buffer = buffer[2:]
            if self.buffer.startswith(b"\r\n"):
                self.refuse(400, "empty lines instead of a request")
            elif self.buffer:
                self.next_request()
            return
        if len(buffer) > self.traffic.limits.header_bytes:
            self.refuse(431, "a head that is too long")
        elif buffer:
            line, ended, _ = buffer.partition(b"\r\n")
            if b"\0" in buffer or _BARE_LF.search(buffer) or (ended and not _REQUEST_LINE.fullmatch(line)):
                self.refuse(400, "not a request of HTTP/1.0 or HTTP/1.1")
            elif self.deadline == FOREVER or self.deadline_is_idle:
                self.deadline_is_idle = False
                self.deadline = now + self.traffic.limits.header_timeout_s
        else:
            self.deadline_is_idle = True
            self.deadline = now + self.traffic.limits.idle_timeout_s

    def pass_body(self, exchange: Exchange, data: bytes) -> None:
        """Passes what belongs to the body on to the upstream; what follows it waits in the buffer."""
        connection = exchange.connection
        assert connection is not None
        now = self.traffic.loop.time()
        exchange.client_came(now)
        if exchange.chunks is None:
            if len(data) > exchange.body_left:
                self.buffer += data[exchange.body_left :]
                data = data[: exchange.body_left]
            exchange.body_left -= len(data)
            exchange.body_seen += len(data)
            connection.transport.write(data)
        else:
            try:
                pieces = exchange.chunks.feed(data)
                exchange.body_seen += sum(map(len, pieces))
                limit = self.traffic.limits.body_bytes
                if limit and exchange.body_seen > limit:
                    raise Refused(413, f"a body of more than {limit} bytes")
            except BadChunk as error:
                self.refuse(400, str(error))
                return
            except Refused as refusal:
                self.refuse(refusal.status, refusal.reason)
                return
            encoded = encode_chunks(pieces)
            if exchange.chunks.done:
                self.buffer += exchange.chunks.rest
                exchange.body_left = 0
                encoded += LAST_CHUNK
            if encoded:
                connection.transport.write(encoded)
        if not exchange.body_left:
            self.body_window = (FOREVER, 0)
        if (exchange.body_left and not self.paused) or self.unsent:
            exchange.wait_for_client(now)
        exchange.deadline = now + self.traffic.limits.upstream_timeout_s

    # -- answers ---------------------------------------------------------------------------------------------

    def response_done(self, exchange: Exchange) -> None:
        """The whole answer was written: the next request may go."""
        self._end(exchange, failed_by_door=False)
        if exchange.wants_close or (self.half_closed_at and not self.buffer):
            self.close_lingering()
            return
        self._await_next()

    def fail(self, exchange: Exchange, status: int) -> None:
        """The upstream did not answer, or not well: the client gets `status`, or a cut where an answer had
        begun. Counted as the door's error."""
        if exchange.is_tunnel or exchange.response_started:
            self._end(exchange, failed_by_door=not exchange.is_tunnel)
            self.closing = True
            self.transport.close()
            return
        exchange.status = status
        self._end(exchange, failed_by_door=True)
        self.answer(status, exchange)

    def refuse(self, status: int, reason: str) -> None:
        """This client broke a rule: it is told which, and the connection ends."""
        kind = {408: "timeout", 413: "too_large", 431: "too_large"}.get(status, "bad_request")
        self.traffic.refused[kind] += 1
        exchange = self.exchange
        if exchange is not None:
            abandon(exchange)
            if exchange.response_started:
                self._end(exchange, failed_by_door=False)
                self.closing = True
                self.transport.close()
                return
            self._end(exchange, failed_by_door=False, is_refused=True)
        self.answer(status, None, reason)

    def answer(
        self, status: int, exchange: Exchange | None, reason: str = "", retry_after_s: int = 0
    ) -> None:
        """An answer of the door's own. Without an exchange, or with its body unread, the connection ends."""
        must_close = (
            exchange is None or exchange.wants_close or exchange.body_left != 0 or self.traffic.leaving
        )
        is_head = exchange is not None and exchange.head.method == b"HEAD"
        keeps_1_0 = exchange is not None and not exchange.head.http_1_1
        connection = b"close" if must_close else b"keep-alive" if keeps_1_0 else b""
        self.transport.write(own_answer(status, reason, connection, retry_after_s, is_head))
        if must_close:
            self.close_lingering()
        else:
            self._await_next()

    def turn_away(self, exchange: Exchange, refusal: str) -> None:
        """Nobody can take this request now: 503, come back in a second. Counted under `refusal`."""
        self.traffic.refused[refusal] += 1
        exchange.status = 503
        self._end(exchange, failed_by_door=False)
        self.answer(503, exchange, retry_after_s=1)

    def cut(self, exchange: Exchange) -> None:
        """Ends this request now: its slot must stop. The client gets 503, or a cut where an answer had
        begun."""
        abandon(exchange)
        self.fail(exchange, 503)

    def is_idle(self) -> bool:
        """Whether this connection is between two requests."""
        return self.exchange is None and not self.buffer and not self.closing

    def _await_next(self) -> None:
        self.resume(BUFFER_FULL | UPSTREAM_FULL)
        if self.buffer:
            self.traffic.loop.call_soon(self.next_request)
        else:
            self.deadline_is_idle = True
            self.deadline = self.traffic.loop.time() + self.traffic.limits.idle_timeout_s

    def _end(self, exchange: Exchange, *, failed_by_door: bool, is_refused: bool = False) -> None:
        """What was refused for what the client did is counted as that, and is no request of any release."""
        self.exchange = None
        traffic = self.traffic
        if traffic.hold is not None:
            traffic.hold.forget(exchange)
        upstream = exchange.upstream
        if upstream is not None:
            upstream.finished(exchange)
            if is_refused:
                return
            now = traffic.loop.time()
            exchange.client_came(now)
            exchange.count.count(
                exchange.status, failed_by_door, (now - exchange.started) * 1000, exchange.route
            )
            if failed_by_door:
                traffic.blame_switch(exchange)

    # -- the connection itself -------------------------------------------------------------------------------

    def close_lingering(self) -> None:
        """Says that no more will come, and reads on for a moment: closing at once would reset the connection
        and could take the answer away from a client that is still sending."""
        self.closing = True
        self.buffer = b""
        if self.is_tls or self.half_closed_at or self.transport.is_closing():
            self.transport.close()
            return
        self.deadline_is_idle = False
        self.deadline = self.traffic.loop.time() + LINGER_S
        self.resume(BUFFER_FULL | UPSTREAM_FULL)
        self.transport.write_eof()

    def pause(self, reason: int) -> None:
        if not self.paused and not self.transport.is_closing():
            self.transport.pause_reading()
        self.paused |= reason
        if reason == UPSTREAM_FULL and self.exchange is not None and not self.unsent:
            self.exchange.client_came(self.traffic.loop.time())

    def resume(self, reason: int) -> None:
        if self.paused:
            self.paused &= ~reason
            if not self.paused and not self.transport.is_closing():
                self.transport.resume_reading()
                if self.exchange is not None and self.exchange.body_left and self.exchange.connection:
                    self.exchange.wait_for_client(self.traffic.loop.time())
