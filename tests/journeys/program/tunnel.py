"""A release for the journeys of switches that keeps WebSockets open and reads uploads however slowly they come.

It names itself, answers a POST with its body's digest, and echoes what comes through a WebSocket's tunnel. It
listens on its port, or with --socket on its Unix socket.
"""

import asyncio
import base64
import hashlib
import json
import os
import signal
import sys
from pathlib import Path

RELEASE = json.loads(Path("behaviour.json").read_text())["release"]
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
LINES = set()


async def attend(reader, writer):
    LINES.add(writer)
    try:
        while await answer(reader, writer):
            pass
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        LINES.discard(writer)
        writer.close()


async def answer(reader, writer):
    writer.idle = True
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    writer.idle = False
    _, path, _ = head[0].split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:-2])}
    if path == "/ws":
        return await tunnel(reader, writer, headers["sec-websocket-key"])
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    await asyncio.sleep(0.3 if path == "/slow" else 0.005)
    content = json.dumps(
        {"release": RELEASE, "posts": 0, "sha256": hashlib.sha256(body).hexdigest()}
    ).encode()
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(content)
        + content
    )
    await writer.drain()
    return headers.get("connection", "") != "close"


async def tunnel(reader, writer, key):
    accept = base64.b64encode(hashlib.sha1(key.encode() + MAGIC).digest())
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    while said := await reader.read(4096):
        writer.write(said + RELEASE.encode() + b"\n")
        await writer.drain()
    return False


async def main():
    if "--socket" in sys.argv:
        server = await asyncio.start_unix_server(attend, os.environ["MOBIUS_SOCKET"])
    else:
        server = await asyncio.start_server(attend, "127.0.0.1", int(os.environ["PORT"]))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    server.close()
    for writer in list(LINES):
        if getattr(writer, "idle", True):
            writer.close()
    while LINES:
        await asyncio.sleep(0.01)


asyncio.run(main())
