"""A process that must never run twice, which would find out: it says when it begins and ends, and whom it meets."""

import fcntl
import os
import signal
import sys
import time
from pathlib import Path

NAME, SECONDS = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 1e9
SHARED = Path(os.environ["MOBIUS_SHARED"])
SHARED.mkdir(parents=True, exist_ok=True)


def say(word: str) -> None:
    line = f"{word} {os.environ['MOBIUS_RELEASE']} {os.environ['MOBIUS_SLOT']} {os.getpid()}\n"
    with (SHARED / f"{NAME}.said").open("a") as file:
        file.write(line)
    print(line, end="", flush=True)


def leave(*_: object) -> None:
    say("end")
    os._exit(0)


held = (SHARED / f"{NAME}.lock").open("a")
try:
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    say("TWO")
    os._exit(9)
signal.signal(signal.SIGTERM, leave)
say("begin")
time.sleep(min(SECONDS, 86_400))
leave()
