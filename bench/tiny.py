"""The smallest server and the fastest client Python allows, for where haproxy and wrk cannot be had.

python -m bench.tiny serve                                        (on PORT)
python -m bench.tiny load --port 8001 --connections 32 --seconds 3
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


class Server(asyncio.Protocol):
    """Answers each request head with `ok`; takes no bodies."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.tail = b""

    def data_received(self, data: bytes) -> None:
        data = self.tail + data
        asked = data.count(b"\r\n\r\n")
        self.tail = data.rpartition(b"\r\n\r\n")[2]
        self.transport.write(ANSWER * asked)


class Client(asyncio.Protocol):
    """Asks again as soon as it is answered; every answer must have the length of the first."""

    def __init__(self, took_s: list[float]) -> None:
        self.took_s = took_s
        self.failed = False
        self.length = 0
        self.received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.asked_s = time.perf_counter()
        self.transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        if not self.length and data.endswith(b"ok"):
            self.length = self.received
        if not data.startswith(b"HTTP/1.1 200") or self.received != self.length:
            self.failed = True
        self.received = 0
        self.took_s.append(time.perf_counter() - self.asked_s)
        self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self.failed = True


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port, backlog=512)
    await server.serve_forever()


async def load(port: int, connections: int, seconds: float) -> dict[str, float]:
    """Requests a second, p99 in milliseconds, and how many connections saw anything but a good answer."""
    loop, took_s = asyncio.get_running_loop(), list[float]()
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(lambda: Client(took_s), "127.0.0.1", port)
        clients.append(client)
    took_s.clear()
    began_s = time.perf_counter()
    await asyncio.sleep(seconds)
    lasted_s, count = time.perf_counter() - began_s, len(took_s)
    failed = sum(client.failed for client in clients)
    for client in clients:
        client.transport.abort()
    p99_ms = 1000 * sorted(took_s)[int(count * 0.99)] if count else float("nan")
    return {"per_s": count / lasted_s, "p99_ms": p99_ms, "failed": failed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["serve", "load"])
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    if options.what == "serve":
        asyncio.run(serve(options.port))
    else:
        print(json.dumps(asyncio.run(load(options.port, options.connections, options.seconds))))


if __name__ == "__main__":
    main()
