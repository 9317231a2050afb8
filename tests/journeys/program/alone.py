"""A worker or singleton of the journeys: notes its start and its end, and cries out when another one is alive.

The lock is the witness: the kernel lets go of it at the death of its holder, of a kill -9 too.
"""

import fcntl
import json
import os
import signal
import sys
import time
from pathlib import Path

name = sys.argv[1]
release = json.loads(Path("behaviour.json").read_text())["release"]
folder = Path(os.environ["MOBIUS_SHARED"])
pen = os.open(folder / "lives.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
lock = os.open(folder / f"{name}.alive", os.O_RDWR | os.O_CREAT, 0o600)


def note(what):
    os.write(pen, f"{what} {name} {release} {os.getpid()} {time.time():.3f}\n".encode())


def leave(*_):
    note("stop")
    os._exit(0)


signal.signal(signal.SIGTERM, leave)
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    note("TWO")
note("start")
while True:
    signal.pause()
