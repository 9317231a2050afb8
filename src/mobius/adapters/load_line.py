"""A client's TCP connection over an emulated distance: bytes and closes arrive half a round trip later.

Zero delay on loopback hides the loss that matters: a server closes an idle connection while the next
request is already on the wire. So each direction is a queue with a delay. Both ends see what they would at
the ends of such a line: data in order, a close after the data before it, a refusal after a whole round trip.
The kernel's netem would do the same, but needs root and is missing from many kernels.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable

MAX_HEAD_BYTES = 65_536


class ClosedEarly(Exception):
    """The peer closed before all that was expected had come."""


class Garbled(Exception):
    """What the peer sent is not HTTP."""


class Line(asyncio.Protocol):
    """One client connection. Only one task may read from it."""

    def __init__(self, one_way_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._outward = _Delay(self._loop, one_way_s)
        self._inward = _Delay(self._loop, one_way_s)
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._ended = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, host: str, port: int, rtt_s: float = 0.0, tls: ssl.SSLContext | None = None) -> Line:
        """Connect; takes a round trip. Raises OSError as the system does, also a round trip later."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(rtt_s / 2)
        try:
            _, line = await loop.create_connection(
                lambda: cls(rtt_s / 2), host, port, ssl=tls, server_hostname=host if tls else None
            )
        except OSError:
            await asyncio.sleep(rtt_s / 2)
            raise
        try:
            await asyncio.sleep(rtt_s / 2)
        except asyncio.CancelledError:
            line.close()
            raise
        return line

    @property
    def has_ended(self) -> bool:
        """The client can know that the peer has closed: no request may be sent any more."""
        return self._ended

    @property
    def has_unasked_bytes(self) -> bool:
        """The peer sent something that no request asked for."""
        return bool(self._buffer)

    def send(self, data: bytes) -> None:
        """Put bytes on the line; returns at once."""
        self._outward.put(lambda: self._deliver(data))

    def close(self) -> None:
        """Hang up after what was sent; the peer learns of it half a round trip later."""
        self._outward.put(self._hang_up)

    async def read_until(self, mark: bytes, limit: int = MAX_HEAD_BYTES) -> bytes:
        """All up to and with `mark`. Raises ClosedEarly, Garbled past `limit` bytes, or OSError."""
        seen = 0
        while (found := self._buffer.find(mark, max(0, seen - len(mark)))) < 0:
            seen = len(self._buffer)
            if seen > limit:
                raise Garbled(f"no {mark!r} in the first {limit} bytes")
            await self._more()
        return self._take(found + len(mark))

    async def read_exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            await self._more()
        return self._take(size)

    async def read_to_end(self) -> bytes:
        try:
            while True:
                await self._more()
        except ClosedEarly:
            return self._take(len(self._buffer))

    async def _more(self) -> None:
        if not self._ended:
            self._waiter = self._loop.create_future()
            had = len(self._buffer)
            await self._waiter
            if len(self._buffer) > had:
                return
        if self._error is not None:
            raise self._error
        raise ClosedEarly(f"closed after {len(self._buffer)} bytes of the answer")

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    # What the system calls: the near end of the delayed inward direction.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._inward.put(lambda: self._arrive(data))

    def eof_received(self) -> bool:
        self._inward.put(lambda: self._end(None))
        # Stay half open: what is still on its way to the peer must get there, as on a real line. TLS cannot.
        return self._transport is not None and self._transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:
        self._inward.put(lambda: self._end(exc))

    # What happens at the far ends, after the delay.

    def _deliver(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _hang_up(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _arrive(self, data: bytes) -> None:
        if not self._ended:
            self._buffer += data
            self._wake()

    def _end(self, error: Exception | None) -> None:
        if not self._ended:
            self._ended = True
            self._error = error
            self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


class _Delay:
    """Runs what is put in, in order, each a fixed time after it was put in; at once when that is zero."""

    def __init__(self, loop: asyncio.AbstractEventLoop, delay_s: float) -> None:
        self._loop = loop
        self._delay_s = delay_s
        self._queue: deque[tuple[float, Callable[[], None]]] = deque()

    def put(self, event: Callable[[], None]) -> None:
        if not self._delay_s:
            event()
            return
        due_s = self._loop.time() + self._delay_s
        self._queue.append((due_s, event))
        if len(self._queue) == 1:  # one timer for the queue: the loop does not keep the order of equal timers
            self._loop.call_at(due_s, self._run_due)

    def _run_due(self) -> None:
        now_s = self._loop.time()
        while self._queue and self._queue[0][0] <= now_s:
            _, event = self._queue.popleft()
            event()
        if self._queue:
            self._loop.call_at(self._queue[0][0], self._run_due)
