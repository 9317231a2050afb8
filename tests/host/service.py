"""A small service for the tests, run as a process of a slot: it answers well, slowly, in pieces, or wrongly.

It writes one line for each request it sees to its output, which is its log.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import signal
import sys

WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455: proof that the handshake was understood
RELEASE = os.environ.get("MOBIUS_RELEASE", "none")


async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await answer(reader, writer):
            pass
    except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
        pass
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ")
    headers = [tuple(line.split(": ", 1)) for line in lines[1:-2]]
    found = {name.lower(): value for name, value in headers}
    print(method, target, flush=True)
    if found.get("expect") == "100-continue":
        if target == "/no-thanks":
            send(writer, b"no", status="417 Expectation Failed")
            return False
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if target == "/early":
        send(writer, b"too much", status="413 Content Too Large")
        await writer.drain()
        await asyncio.sleep(0.2)
        return False
    size, digest = await read_body(reader, found, slow=target == "/slow-reader")
    await act(target, reader, writer, {
        "release": RELEASE, "method": method, "target": target, "headers": headers, "size": size, "sha256": digest,
    })  # fmt: skip
    await writer.drain()
    return found.get("connection", "") != "close" and not writer.is_closing()


async def act(
    target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: dict[str, object]
) -> None:
    kind, _, rest = target.partition("?")[0].strip("/").partition("/")
    if kind == "slow":
        await asyncio.sleep(0.3)
        send(writer, RELEASE.encode())
    elif kind == "wait":
        await asyncio.sleep(float(rest))
        send(writer, RELEASE.encode())
    elif kind == "echo":
        send(writer, json.dumps(seen).encode())
    elif kind == "status":
        send(writer, b"" if rest in ("204", "304") else b"so it is", status=f"{rest} Named")
    elif kind == "chunks":
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(int(rest)):
            writer.write(b"10000;ext=1\r\n" + bytes(65536) + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\nTrailer: yes\r\n\r\n")
    elif kind == "until-close":
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + RELEASE.encode())
        await writer.drain()
        writer.close()
    elif kind == "early-hints":
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        send(writer, RELEASE.encode())
    elif kind == "half":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
        await writer.drain()
        writer.transport.abort()
    elif kind == "garbled":
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    elif kind == "hang":
        await reader.read()  # until the door has closed its side
        print("closed", target, flush=True)
    elif kind == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "ws":
        key = next((v for n, v in seen["headers"] if n.lower() == "sec-websocket-key"), "")  # type: ignore[attr-defined]
        accept = base64.b64encode(hashlib.sha1(key.encode() + WEBSOCKET).digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept
        )
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()
    else:
        send(writer, RELEASE.encode())


async def read_body(reader: asyncio.StreamReader, found: dict[str, str], slow: bool) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    if found.get("transfer-encoding") == "chunked":
        while length := int(await reader.readline(), 16):
            digest.update(await reader.readexactly(length))
            await reader.readexactly(2)
            size += length
        await reader.readexactly(2)
    else:
        left = int(found.get("content-length", 0))
        while left:
            piece = await reader.read(min(left, 1 << 20))
            if not piece:
                raise ConnectionError
            digest.update(piece)
            left -= len(piece)
            size += len(piece)
            if slow:
                await asyncio.sleep(0.01)
    return size, digest.hexdigest()


def send(writer: asyncio.StreamWriter, body: bytes, status: str = "200 OK") -> None:
    length = b"" if status.startswith("204") else b"Content-Length: %d\r\n" % len(body)
    writer.write(
        b"HTTP/1.1 %b\r\nX-Release: %b\r\n%b\r\n%b" % (status.encode(), RELEASE.encode(), length, body)
    )


async def main() -> None:
    if "--socket" in sys.argv:
        server = await asyncio.start_unix_server(attend, os.environ["MOBIUS_SOCKET"], limit=1 << 20)
    else:
        server = await asyncio.start_server(attend, "127.0.0.1", int(os.environ["PORT"]), limit=1 << 20)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with server:
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
