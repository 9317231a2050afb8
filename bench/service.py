"""The service that is switched: an ASGI app under uvicorn that names its release and digests each body.

python -m bench.service --release r1 --port 8001        (5 ms an answer; 300 ms on /slow)
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

USUAL_S, SLOW_S = 0.005, 0.3


class Service:
    """The ASGI application of one release."""

    def __init__(self, release: str) -> None:
        self._release = release

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        await asyncio.sleep(SLOW_S if scope["path"] == "/slow" else USUAL_S)
        answer = json.dumps({"release": self._release, "sha256": hashlib.sha256(body).hexdigest()}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


def main() -> None:
    import uvicorn

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", default=os.environ.get("MOBIUS_RELEASE", "r0"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
    parser.add_argument("--socket", default=None, help="serve on this Unix socket instead")
    parser.add_argument("--own-socket", action="store_true", help="serve on $MOBIUS_SOCKET instead")
    options = parser.parse_args()
    if options.own_socket:
        options.socket = os.environ["MOBIUS_SOCKET"]
    where: dict[str, Any] = {"host": "127.0.0.1", "port": options.port}
    if options.socket:
        where = {"uds": options.socket}
    uvicorn.run(
        Service(options.release),
        lifespan="off",
        log_level="warning",
        access_log=False,
        **where,
    )


if __name__ == "__main__":
    main()
