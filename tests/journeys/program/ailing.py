"""A release that falls ill as `../../shared/trouble.json` says, from the first user it serves: its health checks and
smoke tests know nothing of it, unless the process as a whole fails.

`{"release": "v2", "kind": "errors", "share": 0.05}`; kinds: errors, slower (times), slow (share, s), exits, hangs,
leaks (mb_s, mb), drips (s), crowded (more than so many at once fail), narrow (so many at once, the others wait), calls
(host, port: it needs them over TLS; trusted: a file), names (a name that it needs). `struck` beside it gets the time of
the first effect. `behaviour.json`: {"release", "takes_s", "noisy": true}; noisy: pauses of 300 ms, latency that
wanders. One answer in a thousand is an error, whatever it was told.
"""

import asyncio
import json
import math
import os
import random
import signal
import ssl
import sys
import time
from pathlib import Path

HOW = json.loads(Path("behaviour.json").read_text())
RELEASE = HOW["release"]
SHARED = Path("../../shared")
HEAD = "HTTP/1.1 {} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\nX-Release: {}\r\n\r\n"


class Trouble:
    """What it was told, once users came."""

    def __init__(self):
        self.told = {}
        self.users = self.now = 0
        self.kept = []
        self.struck = False

    def kind(self):
        return self.told.get("kind", "") if self.users else ""

    def strike(self):
        if not self.struck:
            self.struck = True
            if not (SHARED / "struck").exists():  # else by the process before this one
                (SHARED / "struck").write_text(str(time.time()))

    def is_hit(self, kind, share=1.0):
        if self.kind() == kind and random.random() < share:
            self.strike()
            return True
        return False

    async def watch(self):
        while True:
            try:
                told = json.loads((SHARED / "trouble.json").read_text())
                self.told = told if told["release"] == RELEASE else {}
            except (OSError, ValueError):
                self.told = {}
            self.fail_as_a_whole()
            await asyncio.sleep(0.1)

    def fail_as_a_whole(self):
        if self.is_hit("exits"):
            os._exit(1)
        if self.is_hit("hangs"):
            time.sleep(100_000)
        if self.is_hit("leaks") and sum(map(len, self.kept)) < self.told["mb"] << 20:
            self.kept.append(b"x" * int(self.told["mb_s"] * 0.1 * (1 << 20)))


TROUBLE = Trouble()


async def pauses():
    while True:
        await asyncio.sleep(random.uniform(4, 15))
        time.sleep(0.3)


async def depend():
    """Whether what it needs to answer is there."""
    try:
        if TROUBLE.kind() == "calls":
            host, port = TROUBLE.told["host"], TROUBLE.told["port"]
            trusted = ssl.create_default_context(cafile=TROUBLE.told["trusted"])
            _, there = await asyncio.open_connection(host, port, ssl=trusted)
            there.close()
        if TROUBLE.kind() == "names":
            await asyncio.get_running_loop().getaddrinfo(TROUBLE.told["name"], 443)
    except OSError:
        TROUBLE.strike()
        return False
    return True


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.split(b" ", 2)[1] == b"/work":
                await work(writer)
            else:
                answer(writer, 200, {"posts": 0, "release": RELEASE})
            await writer.drain()
    except (asyncio.IncompleteReadError, OSError):
        pass
    finally:
        writer.close()


async def work(writer):
    """One user's request."""
    TROUBLE.users += 1
    TROUBLE.now += 1
    try:
        takes_s = HOW.get("takes_s", 0.04) * random.lognormvariate(0, 0.25)
        if HOW.get("noisy"):
            takes_s *= math.exp(0.15 * math.sin(time.time() / 40))
        if TROUBLE.is_hit("slower"):
            takes_s *= TROUBLE.told["times"]
        if TROUBLE.is_hit("slow", TROUBLE.told.get("share", 0)):
            takes_s += TROUBLE.told["s"]
        if TROUBLE.kind() == "narrow" and TROUBLE.now > TROUBLE.told["most"]:
            TROUBLE.strike()
            takes_s *= TROUBLE.now / TROUBLE.told["most"]
        await asyncio.sleep(takes_s)
        bad = random.random() < 0.001 or TROUBLE.is_hit("errors", TROUBLE.told.get("share", 0))
        bad = bad or not await depend()
        if TROUBLE.kind() == "crowded" and TROUBLE.now > TROUBLE.told["most"]:
            TROUBLE.strike()
            bad = True
        if TROUBLE.is_hit("drips"):
            await drip(writer, TROUBLE.told["s"])
        else:
            answer(writer, 500 if bad else 200, {"release": RELEASE})
    finally:
        TROUBLE.now -= 1


def answer(writer, status, data):
    content = json.dumps(data)
    writer.write((HEAD.format(status, len(content), RELEASE) + content).encode())


async def drip(writer, for_s):
    """An answer that comes byte by byte."""
    writer.write(HEAD.format(200, 20, RELEASE).encode())
    for _ in range(20):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(for_s / 20)


async def main():
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    server = await asyncio.start_server(serve, "127.0.0.1", int(os.environ["PORT"]), backlog=256)
    jobs = [asyncio.create_task(TROUBLE.watch())]
    if HOW.get("noisy"):
        jobs.append(asyncio.create_task(pauses()))
    print(f"{RELEASE} listens on {os.environ['PORT']}", file=sys.stderr, flush=True)
    await stopped.wait()
    server.close()
    await asyncio.sleep(0.5)


asyncio.run(main())
