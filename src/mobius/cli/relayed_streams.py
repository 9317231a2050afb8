"""The streams of a command that came over a line: each word a frame, each question asked at the other end."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mobius.adapters.remote_keeper import Keeper

CHUNK = 65_536
LAST_OUTPUT_S = 2.0  # of programs that were started here and keep our output open


class Interrupts:
    """Ctrl-C, told over the line. It comes at any moment, but neither before there is a command, nor amid a frame:
    what is said is said whole, and a lock that was just taken is given back."""

    def __init__(self) -> None:
        self._held_back = 1
        self._is_due = False

    def take(self, *_: object) -> None:
        """The signal's handler."""
        if self._held_back:
            self._is_due = True
        else:
            raise KeyboardInterrupt

    def let_through(self) -> None:
        """From here on; raises KeyboardInterrupt for one that came before."""
        self._held_back -= 1
        if self._is_due and not self._held_back:
            self._is_due = False
            raise KeyboardInterrupt

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Inside the `with`. Signals come to the main thread alone."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._held_back += 1
        try:
            yield
        finally:
            self.let_through()


class Told(io.TextIOBase):
    """A stream that a command writes to; each line, or what is flushed, becomes a frame."""

    encoding = "utf-8"
    errors = "surrogateescape"

    def __init__(self, name: str, keeper: Keeper, tty: bool, interrupts: Interrupts) -> None:
        self._name = name
        self._keeper = keeper
        self._tty = tty
        self._interrupts = interrupts
        self._held: list[str] = []
        self._turn = threading.RLock()
        self._is_one = False

    @contextmanager
    def together(self, run: dict[str, Any]) -> Iterator[None]:
        """What is written inside the `with` is one frame, which also says that the run was shown so far."""
        with self._interrupts.held_back(), self._turn:
            self.flush()
            self._is_one = True
            try:
                yield
            finally:
                self._is_one = False
                said = "".join(self._held)
                self._held.clear()
                self._keeper.say({self._name: said, "run": run} if said else {"run": run})

    def write(self, text: str) -> int:
        """Keeps it until the line or the flush."""
        if not isinstance(text, str):
            raise TypeError(f"text is written here, not {type(text).__name__}")
        with self._interrupts.held_back(), self._turn:
            self._held.append(text)
            if "\n" in text:
                self.flush()
        return len(text)

    def flush(self) -> None:
        """Says what was held back."""
        with self._interrupts.held_back(), self._turn:
            said = "" if self._is_one else "".join(self._held)
            if said:
                self._held.clear()
                self._keeper.say({self._name: said})

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """Whether the other end's stream is a terminal."""
        return self._tty

    def fileno(self) -> int:
        """Where programs that are started here write: it is carried over, too."""
        return 1 if self._name == "out" else 2


class Heard(io.TextIOBase):
    """The person at the other end, asked line by line; nobody, where there is no terminal."""

    encoding = "utf-8"

    def __init__(self, keeper: Keeper, asks: bool, out: Told) -> None:
        self._keeper = keeper
        self._asks = asks
        self._out = out

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]  # as typeshed has it
        """Their next line, with its end; "" at the end of input."""
        self._out.flush()
        return self._keeper.ask() if self._asks else ""

    def readable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """Whether somebody is there to answer."""
        return self._asks

    def fileno(self) -> int:
        """Nothing is read past `readline`."""
        return 0


class Pump:
    """Carries what programs that were started here write to file descriptor `fd`: any bytes, as they are."""

    def __init__(self, fd: int, name: str, keeper: Keeper) -> None:
        self._fd = fd
        self._name = name
        self._keeper = keeper
        self._from, to = os.pipe()
        os.dup2(to, fd)
        os.close(to)
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Our own end is closed; what was written before has been said when this returns."""
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self._fd)
        self._thread.join(LAST_OUTPUT_S)

    def _carry(self) -> None:
        while said := os.read(self._from, CHUNK):
            self._keeper.say({self._name: said.decode("utf-8", "surrogateescape")})
