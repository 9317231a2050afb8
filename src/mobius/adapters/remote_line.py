"""One connection over the system's ssh: a greeting, frames, and the moment in which it is cut."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any

from mobius.adapters.arriving import Arriving
from mobius.adapters.remote_frames import LONGEST_LINE, Garbled, decode
from mobius.errors import MobiusError

SILENCE_S = 20.0  # ssh's own keep-alive gives up after 15; this is for a shared connection that has none
GREETING_S = 60.0  # of another try; the first one may wait for a person who types a password
END_S = 3.0
LINES_KEPT = 40


class Cut(MobiusError):
    """The line has ended before the command had. `code` is what ssh ended with, `said` what it wrote last."""

    def __init__(self, code: int | None, said: Sequence[str], noise: Sequence[str] = ()) -> None:
        super().__init__("the line was cut")
        self.code = code
        self.said = tuple(said)
        self.noise = tuple(noise)


class SshLine:
    """The connection while inside the `with`; `echo` shows each line that ssh writes to its stderr."""

    def __init__(self, argv: Sequence[str], echo: Callable[[str], None]) -> None:
        self._argv = argv
        self._echo = echo
        self._said: deque[str] = deque(maxlen=LINES_KEPT)
        self._noise: deque[str] = deque(maxlen=LINES_KEPT)
        self._buffer = bytearray()

    def __enter__(self) -> SshLine:
        try:
            self._ssh = _start(self._argv)
        except OSError as problem:
            raise MobiusError(
                f"ssh cannot be started: {problem.strerror}", "install OpenSSH's client"
            ) from problem
        assert self._ssh.stdout is not None
        self._arriving = Arriving(self._ssh.stdout)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._ssh.stdin is not None and self._ssh.stdout is not None
        with suppress(OSError):
            self._ssh.stdin.close()
        if self._end(0.0 if isinstance(problem, Cut) else END_S) is None:
            self._ssh.kill()
            self._ssh.wait()
        self._arriving.close()
        self._ssh.stdout.close()
        self._listener.join(END_S)

    def greeting(self, within_s: float | None) -> dict[str, Any]:
        """What the far side says first; what its shell prints before that is noise. Raises `Cut`."""
        until = None if within_s is None else time.monotonic() + within_s
        while True:
            line = self._next_line(None if until is None else max(0.0, until - time.monotonic()))
            with suppress(Garbled):
                said = decode(line)
                if "mobius" in said:
                    return said
            self._noise.append(line.decode(errors="replace").rstrip())

    def frame(self) -> dict[str, Any]:
        """The next frame. Raises `Cut` at the line's end, and when nothing came for too long."""
        return decode(self._next_line(SILENCE_S))

    def send(self, words: bytes) -> None:
        """All of it. Raises `Cut`."""
        assert self._ssh.stdin is not None
        view = memoryview(words)
        try:
            while view:
                view = view[os.write(self._ssh.stdin.fileno(), view) :]
        except OSError:
            raise self._cut() from None

    def _next_line(self, within_s: float | None) -> bytes:
        until = None if within_s is None else time.monotonic() + within_s
        while (end := self._buffer.find(b"\n")) < 0:
            left = None if until is None else max(0.0, until - time.monotonic())
            more = self._arriving.read(left)
            if not more or len(self._buffer) > 8 * LONGEST_LINE:
                raise self._cut()
            self._buffer += more
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        return line

    def _cut(self) -> Cut:
        code = self._end(1.0)
        if code is not None:
            self._listener.join(1.0)
        return Cut(code, self._said, self._noise)

    def _end(self, within_s: float) -> int | None:
        try:
            return self._ssh.wait(within_s)
        except subprocess.TimeoutExpired:
            return None

    def _listen(self) -> None:
        assert self._ssh.stderr is not None
        with self._ssh.stderr as words:
            for word in words:
                text = word.decode(errors="replace").rstrip()
                self._said.append(text)
                self._echo(text)


def _start(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """ssh, which does not hear Ctrl-C: it is told over the line. (In a session of its own it could ask for no
    password.)"""
    before = signal.getsignal(signal.SIGINT)
    in_main = threading.current_thread() is threading.main_thread()
    if in_main:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # Windows: as SIG_IGN here
        )
    finally:
        if in_main:
            signal.signal(signal.SIGINT, before)
