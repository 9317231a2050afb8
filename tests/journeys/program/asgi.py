"""A release under uvicorn for the journeys of switches: names itself, and answers a POST with its body's digest.

`behaviour.json` beside it: {"release": "v1", "takes_s": 0.005, "errors_after_s", "fails_every"}.
"""

import asyncio
import hashlib
import itertools
import json
import os
import sys
import time
from pathlib import Path

import uvicorn

HOW = json.loads(Path("behaviour.json").read_text())
RELEASE = HOW["release"]
BORN = time.monotonic()
NUMBERS = itertools.count(1)


async def app(scope, receive, send):
    """5 ms an answer, unless said, and 300 ms on /slow."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await asyncio.sleep(0.3 if scope["path"] == "/slow" else HOW.get("takes_s", 0.005))
    after_s = HOW.get("errors_after_s")
    bad = after_s is not None and time.monotonic() - BORN > after_s and scope["path"] != "/health"
    every = HOW.get("fails_every")
    bad = bad or (every is not None and scope["path"] == "/" and next(NUMBERS) % every == 0)
    content = json.dumps(
        {"release": RELEASE, "posts": 0, "sha256": hashlib.sha256(body).hexdigest()}
    ).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 500 if bad else 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


ON_ITS_SOCKET = {"uds": os.environ["MOBIUS_SOCKET"]}
ON_ITS_PORT = {"host": "127.0.0.1", "port": int(os.environ["PORT"])}
where = ON_ITS_SOCKET if "--socket" in sys.argv else ON_ITS_PORT
print(f"{RELEASE} on {where}", file=sys.stderr, flush=True)
uvicorn.run(app, **where, lifespan="off", log_level="warning", access_log=False)
