"""The answering side of the protocol, and asking from inside an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from mobius.host.protocol import (
    LINE_LIMIT_BYTES,
    Answer,
    HostRefused,
    HostUnavailable,
    encode,
    result_of,
)

Handler = Callable[[str, dict[str, Any]], Awaitable[Answer]]


async def ask_async(path: Path, op: str, params: dict[str, Any], *, timeout_s: float) -> Answer:
    """Like `ask`, inside an event loop."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(os.fspath(path), limit=LINE_LIMIT_BYTES)
            writer.write(encode({"op": op, "params": params}))
            return result_of(await reader.readline(), op)
    except (OSError, TimeoutError, ValueError) as error:
        raise HostUnavailable(f"{path.name} does not answer ({op}): {error or 'timeout'}") from error
    finally:
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def serve(listening: socket.socket, handler: Handler, sockets: list[socket.socket]) -> asyncio.Server:
    """Answers on `listening` until closed. The op `sockets` is answered with the descriptors of `sockets`."""

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := await reader.readline():
                if not line.endswith(b"\n"):
                    break
                request = json.loads(line)
                op, params = str(request.get("op")), dict(request.get("params") or {})
                if op == "sockets" and sockets:
                    _give_sockets(writer, sockets)
                else:
                    writer.write(encode(await _answer(handler, op, params)))
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(attend(reader, writer))
        attending.add(
            task
        )  # a task of our own: streams would report its cancellation at the end as a failure
        task.add_done_callback(attending.discard)

    attending: set[asyncio.Task[None]] = set()
    return await asyncio.start_unix_server(connected, sock=listening, limit=LINE_LIMIT_BYTES)


def bind_control(path: Path) -> socket.socket:
    """A listening Unix socket at `path`, only for this user; one that was left there is taken away first."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listening.bind(os.fspath(path))
    finally:
        os.umask(mask)
    listening.listen(128)
    listening.setblocking(False)
    return listening


async def _answer(handler: Handler, op: str, params: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"ok": True, "result": await handler(op, params)}
    except HostRefused as error:
        return {"ok": False, "error": "refused", "message": error.message, "hint": error.hint}
    except HostUnavailable as error:
        return {"ok": False, "error": "unavailable", "message": error.message, "hint": error.hint}
    except Exception as error:  # a bug of ours: said to the asker and to the log, and we go on
        traceback.print_exc()
        sys.stderr.flush()
        return {
            "ok": False,
            "error": "unavailable",
            "message": f"{op} failed: {error!r}",
            "hint": "see its log",
        }


def _give_sockets(writer: asyncio.StreamWriter, sockets: list[socket.socket]) -> None:
    # The transport hides its socket's sendmsg, so the descriptors go through a duplicate of it.
    raw = writer.get_extra_info("socket")
    with socket.socket(fileno=os.dup(raw.fileno())) as line:
        socket.send_fds(line, [b"sockets\n"], [one.fileno() for one in sockets])
