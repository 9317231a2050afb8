"""The program inside that runs one command to its end, and says what that said.

It reads one JSON line (`Command`) from its input and says JSON lines (`Line`) on its output, as `inside` does. What the
command says without end is read to the end, and the middle of it left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import deque
from typing import IO

import msgspec

from mobius.adapters.rehearsal.asked import TOLD_BYTES, Command, Line
from mobius.adapters.rehearsal.inside_bounds import end_when_left, say, with_no_more_than

SAID_BYTES = TOLD_BYTES // 2  # as it crosses the pipe
LAST_LINES, LINE_BYTES = 60, 512
PIECE_BYTES = 16_384
LAST_OUTPUT_S = 1.0  # of programs that it left behind and that keep its output open


class Told:
    """What was said so far: told at once while there is room, then only the last lines, at the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._room = SAID_BYTES
        self._last: deque[Line] = deque(maxlen=LAST_LINES)
        self._is_over = False

    def tell(self, kind: str, raw: bytes) -> None:
        """One line, or several."""
        line = Line(kind, sentence=raw.decode(errors="replace"))
        with self._lock:
            if self._is_over:
                return
            if self._room > 0:
                self._room -= len(msgspec.json.encode(line))
            if self._room > 0:
                say(line)
                return
            for each in raw.splitlines(keepends=True)[-LAST_LINES:]:
                self._last.append(Line(kind, sentence=each[:LINE_BYTES].decode(errors="replace")))

    def finish(self) -> None:
        """What is said after this is not heard."""
        with self._lock:
            self._is_over = True
            if self._last:
                say(Line("cut"))
            for line in self._last:
                say(line)


def main() -> None:
    """Does what the first line of the input asks, and says how it went."""
    command = msgspec.json.decode(sys.stdin.buffer.readline(), type=Command)
    end_when_left()
    with_no_more_than(command.user, command.memory_bytes)
    say(Line("up"))
    began, told = time.monotonic(), Told()
    try:
        process = subprocess.Popen(
            list(command.argv),
            cwd=command.cwd,
            env=dict(command.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else str(problem)
        say(Line("done", sentence=f"{command.argv[0]} cannot be started in here: {why}"))
        return
    pipes = (("out", process.stdout), ("err", process.stderr))
    readers = [threading.Thread(target=_pass_on, args=(told, *pipe), daemon=True) for pipe in pipes]
    for reader in readers:
        reader.start()
    code = process.wait()
    for reader in readers:
        reader.join(LAST_OUTPUT_S)
    told.finish()
    say(Line("done", time.monotonic() - began, outcome=str(code)))


def _pass_on(told: Told, kind: str, pipe: IO[bytes] | None) -> None:
    """As many whole lines at once as there are, and of a line without end a piece at a time."""
    assert pipe is not None
    rest = b""
    while more := os.read(pipe.fileno(), PIECE_BYTES):
        whole, newline, rest = (rest + more).rpartition(b"\n")
        if newline:
            told.tell(kind, whole + newline)
        if len(rest) > PIECE_BYTES:
            told.tell(kind, rest)
            rest = b""
    if rest:
        told.tell(kind, rest)


if __name__ == "__main__":
    main()
