"""A person at a terminal: one interactive shell on a pseudo-terminal, in a network and a process tree of its own."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

PROMPT = re.compile(r"\x02(\d+)\x03 ")
ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|[()][A-Z0-9]|[=>78M])|\r|\x0f")
LONG_S = 120.0


class Terminal:
    """`type` a line and get (exit code, output); whatever was started ends with it."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))
        # A process tree of its own: when its first process ends, the kernel ends every other one.
        alone = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        shell = ["bash", "--norc", "--noprofile", "--noediting", "-i"]
        self._process = subprocess.Popen(
            [*alone, "setsid", "--ctty", "--wait", *shell],
            cwd=folder,
            env={**environ, "PS1": "\x02$?\x03 ", "PS2": "", "TERM": "xterm", "HISTFILE": ""},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self._pty = ours
        self.text = ""  # what came since the last line that was typed

    def __enter__(self) -> Terminal:
        self._until(PROMPT, 20)
        self.type("stty -echo")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        self._process.wait(20)
        os.close(self._pty)

    def type(self, line: str, *, answer: str = "", timeout_s: float = LONG_S) -> tuple[int, str]:
        """The exit code and what was shown. A question is answered with `answer`, when there is one."""
        self.text = ""
        self._write(line + "\n")
        if answer:
            found = self._until(re.compile(r"\[y/N\]|\x02(\d+)\x03 "), timeout_s)
            if found[0].startswith("["):
                self._write(answer + "\n")
        found = self._until(PROMPT, timeout_s)
        return int(found[1]), shown(self.text[: found.start()])

    def watch(self, line: str, until: str, *, timeout_s: float = LONG_S) -> tuple[int, str]:
        """A line that goes on: waits for what it must show, then interrupts it as Ctrl-C does."""
        self.text = ""
        self._write(line + "\n")
        self._until(re.compile(until), timeout_s)
        self._write("\x03")
        found = self._until(PROMPT, timeout_s)
        return int(found[1]), shown(self.text[: found.start()])

    def leave_running(self, line: str, until: str, *, timeout_s: float = LONG_S) -> tuple[int, str]:
        """A line that ends in "&": waits for what it must show, then ends the job."""
        self.text = ""
        self._write(line + "\n")
        self._until(re.compile(until), timeout_s)
        said = self.text
        code, _ = self.type("kill %1; wait %1")
        return code, shown(said)

    def _write(self, text: str) -> None:
        os.write(self._pty, text.encode())

    def _until(self, pattern: re.Pattern[str], timeout_s: float) -> re.Match[str]:
        deadline = time.monotonic() + timeout_s
        while True:
            if found := pattern.search(shown(self.text) if pattern is not PROMPT else self.text):
                return found
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._pty], [], [], left)[0]:
                raise AssertionError(f"{pattern.pattern!r} did not come within {timeout_s:g} s:\n{self.text}")
            try:
                self.text += os.read(self._pty, 65536).decode(errors="replace")
            except OSError as gone:
                raise AssertionError(f"the shell is gone:\n{self.text}") from gone


def shown(text: str) -> str:
    """Without what moves the cursor and colours."""
    return ESCAPES.sub("", text)
