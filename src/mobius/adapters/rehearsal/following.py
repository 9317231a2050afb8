"""A boot that runs, seen from outside: what is asked of it, what it says, and its end."""

from __future__ import annotations

import json
import os
import select
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import IO

import msgspec

from mobius.adapters.rehearsal.asked import TOLD_BYTES, Asked, Command, Line

LOOK_S, ENDING_S = 0.2, 10.0


class Boot:
    """A boot that runs: its pipes, never trusted to be short or to be ours."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        self.process = process
        self._errors: list[bytes] = []
        self._reader = threading.Thread(target=_keep, args=(process.stderr, self._errors), daemon=True)
        self._reader.start()

    def ask(self, asked: Asked | Command) -> None:
        """Keeps the input open: its end tells the inside that we are gone."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(msgspec.json.encode(asked) + b"\n")
            self.process.stdin.flush()

    def lines(self) -> Iterator[Line | None]:
        """What is said, and None again and again while nothing is. Ends with the output, or when it is too long."""
        assert self.process.stdout is not None
        fd, total, rest = self.process.stdout.fileno(), 0, b""
        while True:
            if not select.select([fd], [], [], LOOK_S)[0]:
                yield None
                continue
            chunk = os.read(fd, 65_536)
            total += len(chunk)
            if not chunk or total > TOLD_BYTES:
                return
            *whole, rest = (rest + chunk).split(b"\n")
            for text in whole:
                with suppress(msgspec.MsgspecError):
                    yield msgspec.json.decode(text, type=Line)

    def errors(self) -> str:
        self._reader.join(1.0)
        return b"".join(self._errors).decode(errors="replace")


def end(process: subprocess.Popen[bytes], info: int) -> None:
    """Kills the first process in there, and with it everything; bubblewrap itself ends when it is gone."""
    pid = _child(info)
    if pid and process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, 9)
        with suppress(subprocess.TimeoutExpired):
            process.wait(ENDING_S)
    if process.poll() is None:
        process.kill()  # its child dies with it
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _child(info: int) -> int:
    """The pid of the first process inside, as we see it; 0 where bubblewrap did not come so far."""
    if not select.select([info], [], [], LOOK_S)[0]:
        return 0
    with suppress(OSError, ValueError, KeyError, TypeError):
        return int(json.loads(os.read(info, 65_536))["child-pid"])
    return 0


def _keep(pipe: IO[bytes], kept: list[bytes]) -> None:
    """The beginning of what is said there, and the rest read away."""
    size = 0
    with suppress(OSError, ValueError):
        while chunk := os.read(pipe.fileno(), 4096):
            if size < 16_384:
                kept.append(chunk)
                size += len(chunk)
    pipe.close()


def last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
