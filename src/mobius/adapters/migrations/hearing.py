"""What a program says while it runs: told line by line, kept within bounds, and without secrets."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

KEPT_CHARACTERS = 1 << 18
LAST_LINES, LINE_BYTES = 100, 1 << 16
LAST_OUTPUT_S = 1.0  # of programs that it left behind and that keep its output open
CUT = "…\n"


@dataclass(slots=True)
class Said:
    """One stream: its beginning, and its last lines."""

    _kept: list[str] = field(default_factory=list)
    _last: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    _size: int = 0

    def add(self, text: str) -> None:
        self._size += len(text)
        if self._size <= KEPT_CHARACTERS:
            self._kept.append(text)
        else:
            self._last.append(text[:1024])

    @property
    def is_whole(self) -> bool:
        return self._size <= KEPT_CHARACTERS

    def text(self) -> str:
        return "".join([*self._kept, *([] if self.is_whole else [CUT, *self._last])])


@dataclass(frozen=True, slots=True)
class Heard:
    """`output`: all streams as they came; `out`: what it printed, None where that is too long to be whole."""

    output: str
    out: str | None


def heard(
    process: subprocess.Popen[bytes],
    *,
    until: float,
    progress: Callable[[str], None],
    redact: Callable[[str], str],
) -> Heard | None:
    """Reads what it says until it has ended; None when that is not before `until`, of the monotonic clock: then it
    still runs."""
    assert process.stdout is not None and process.stderr is not None
    out, output = Said(), Said()

    def tell(line: bytes, *, is_out: bool) -> None:
        text = redact(line.decode(errors="replace"))
        output.add(text)
        if is_out:
            out.add(text)
        for each in text.splitlines():
            progress("".join(c if c.isprintable() else " " for c in each))

    ended_at = 0.0
    rests = {process.stdout.fileno(): b"", process.stderr.fileno(): b""}
    with process.stdout as first, process.stderr as second, selectors.DefaultSelector() as selector:
        for stream in (first, second):
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            now = time.monotonic()
            if ended_at and now > ended_at + LAST_OUTPUT_S:
                break
            if not ended_at and process.poll() is not None:
                ended_at = now
            if not ended_at and now > until:
                return None
            for key, _ in selector.select(0.1):
                more = os.read(key.fd, 65_536)
                *whole, rest = (rests[key.fd] + more).split(b"\n")
                lines = [line + b"\n" for line in whole]
                if rest and (not more or len(rest) > LINE_BYTES):
                    lines, rest = [*lines, rest], b""
                rests[key.fd] = rest
                for line in lines:
                    tell(line, is_out=key.fd == first.fileno())
                if not more:
                    selector.unregister(key.fileobj)
    while process.poll() is None:
        if time.monotonic() > until:
            return None
        time.sleep(0.02)
    return Heard(output.text(), out.text() if out.is_whole else None)
