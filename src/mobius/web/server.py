"""Answers HTTP/1.x in bounded time, room and number: a small server for a few readers, not for the world.

Heads are read by the strict rules of the front door (`mobius.host.headers`). Every wait has an end: for a head, for a
body, for an answer, for a client that does not read. Where all places are taken, whoever has waited longest without
having asked anything makes room.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

from mobius.host.headers import CHUNKED, Refused, RequestHead, parse_request_head
from mobius.web.exchange import Answer, Request, problem, query_of

HEADERS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """In seconds, bytes and numbers."""

    head_s: float = 5.0
    idle_s: float = 15.0  # between two requests of a connection
    body_s: float = 5.0
    answer_s: float = 20.0
    write_s: float = 10.0
    head_bytes: int = 16_384
    body_bytes: int = 65_536
    connections: int = 64
    requests: int = 200  # of one connection
    at_once: int = 4  # answers that are made at the same time


class Server:
    """`answer` is called in threads of its own, for whole requests only; it may block."""

    def __init__(self, answer: Callable[[Request], Answer], limits: Limits | None = None) -> None:
        self._answer = answer
        self._limits = limits or Limits()
        self._threads = ThreadPoolExecutor(self._limits.at_once, thread_name_prefix="web")
        self._all: set[asyncio.Task[None]] = set()
        self._waiting: dict[asyncio.Task[None], asyncio.StreamWriter] = {}  # for a request, the longest first

    async def serve(self, sockets: Sequence[socket.socket]) -> None:
        """Until cancelled; then the sockets are closed, and every connection with them."""
        limit = self._limits.head_bytes
        servers = [await asyncio.start_server(self._connected, sock=one, limit=limit) for one in sockets]
        try:
            await asyncio.Event().wait()
        finally:
            for server in servers:
                server.close()
            for task in list(self._all):
                task.cancel()
            await asyncio.gather(*self._all, return_exceptions=True)
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._all) >= self._limits.connections:
            if not self._waiting:  # all of them are being answered
                writer.transport.abort()
                return
            self._make_room()
        task = asyncio.get_running_loop().create_task(self._attend(reader, writer))
        self._all.add(task)
        self._waiting[task] = writer
        task.add_done_callback(self._forget)

    def _make_room(self) -> None:
        oldest = next(iter(self._waiting))
        self._waiting.pop(oldest).transport.abort()  # here: a task that has not begun would never do it
        self._all.discard(oldest)
        oldest.cancel()

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._all.discard(task)
        self._waiting.pop(task, None)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(high=0)  # `drain` waits until the client has taken it all
        try:
            await self._converse(reader, writer)
        except (OSError, EOFError, TimeoutError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
                async with asyncio.timeout(1.0):
                    await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        limits = self._limits
        for number in range(limits.requests):
            try:
                head, request = await self._request(
                    reader, writer, limits.idle_s if number else limits.head_s
                )
            except Refused as refused:
                await self._write(writer, problem(refused.status, refused.reason), closes=True)
                return
            answer = await self._made(request)
            closes = not head.keep_alive or number == limits.requests - 1
            await self._write(
                writer, answer, closes=closes, is_head=head.method == b"HEAD", http_1_1=head.http_1_1
            )
            if closes:
                return

    async def _request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, within_s: float
    ) -> tuple[RequestHead, Request]:
        """The next request, whole. Raises Refused, or EOFError where none came."""
        me = asyncio.current_task()
        assert me is not None
        self._waiting[me] = writer
        try:
            raw = await self._head(reader, within_s)
            head = parse_request_head(raw)
            body = await self._body(reader, writer, head)
        finally:
            self._waiting.pop(me, None)
        return head, _request(head, raw, body)

    async def _head(self, reader: asyncio.StreamReader, within_s: float) -> bytes:
        try:
            async with asyncio.timeout(within_s):
                return await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise Refused(431, "a head that is too long") from None
        except asyncio.IncompleteReadError as cut:
            if not cut.partial:
                raise EOFError from None
            raise Refused(400, "half a head") from None
        except TimeoutError:
            raise Refused(408, "no whole head came in time") from None

    async def _body(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: RequestHead
    ) -> bytes:
        if head.length == CHUNKED:
            raise Refused(411, "a body whose length is not said")
        if head.length > self._limits.body_bytes:
            raise Refused(413, f"a body of more than {self._limits.body_bytes} bytes")
        if head.expects_continue:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            async with asyncio.timeout(self._limits.body_s):
                return await reader.readexactly(head.length)
        except asyncio.IncompleteReadError:
            raise EOFError from None
        except TimeoutError:
            raise Refused(408, "no whole body came in time") from None

    async def _made(self, request: Request) -> Answer:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limits.answer_s):
                return await loop.run_in_executor(self._threads, self._answer, request)
        except TimeoutError:
            return problem(504, "this could not be looked at in time", "mobius status")

    async def _write(
        self,
        writer: asyncio.StreamWriter,
        answer: Answer,
        *,
        closes: bool,
        is_head: bool = False,
        http_1_1: bool = True,
    ) -> None:
        writer.write(_head_of(answer, closes=closes, http_1_1=http_1_1) + (b"" if is_head else answer.body))
        async with asyncio.timeout(self._limits.write_s):
            await writer.drain()


def _request(head: RequestHead, raw: bytes, body: bytes) -> Request:
    target = head.target.decode("latin-1")
    try:
        query = query_of(target)
    except ValueError:
        raise Refused(400, "a query with too many fields") from None
    given = _lines(raw)
    return Request(
        head.method.decode("latin-1"),
        head.path.decode("latin-1"),
        query,
        head.host.decode("latin-1"),
        given.get("authorization", ""),
        given.get("accept", ""),
        body,
    )


def _lines(raw: bytes) -> dict[str, str]:
    """Header to value; of a repeated one the first counts, as where a proxy has put its own before ours."""
    given: dict[str, str] = {}
    for line in raw.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        given.setdefault(name.lower(), value.strip())
    return given


def _head_of(answer: Answer, *, closes: bool, http_1_1: bool) -> bytes:
    phrase = HTTPStatus(answer.status).phrase
    connection = "close" if closes else "" if http_1_1 else "keep-alive"
    lines = [
        f"HTTP/1.1 {answer.status} {phrase}",
        f"Date: {formatdate(usegmt=True)}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        *(f"{name}: {value}" for name, value in (*HEADERS, *answer.headers)),
        *([f"Connection: {connection}"] if connection else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
