"""What arrives through a pipe, waited for with a limit, on every system."""

from __future__ import annotations

import os
import queue
import select
import sys
import threading
import time
from contextlib import suppress
from typing import IO

CHUNK = 65_536
HEARS_AGAIN_S = 0.2  # on Windows Ctrl-C is not heard while a thread waits for another


class Arriving:
    """Reads `pipe`. Windows selects on sockets only: there (`by_thread`) a thread of its own reads ahead."""

    def __init__(self, pipe: IO[bytes], *, by_thread: bool = sys.platform == "win32") -> None:
        self._pipe = pipe
        self._chunks: queue.Queue[bytes] | None = queue.Queue(maxsize=64) if by_thread else None
        self._is_over = threading.Event()
        if by_thread:
            # A descriptor of the thread's own: the number of one that is closed beside it soon belongs to another.
            threading.Thread(target=self._read_ahead, args=(os.dup(pipe.fileno()),), daemon=True).start()

    def read(self, within_s: float | None) -> bytes:
        """The next bytes; b"" at the end, and when none came in time. None: waits as long as it takes."""
        if self._chunks is None:
            ready, _, _ = select.select([self._pipe], [], [], within_s)
            return os.read(self._pipe.fileno(), CHUNK) if ready else b""
        until = None if within_s is None else time.monotonic() + within_s
        while True:
            left = HEARS_AGAIN_S if until is None else min(HEARS_AGAIN_S, until - time.monotonic())
            try:
                chunk = self._chunks.get(timeout=max(0.0, left)) if left > 0 else self._chunks.get_nowait()
            except queue.Empty:
                if until is not None and time.monotonic() >= until:
                    return b""
                continue
            if not chunk:
                self._chunks.put(chunk)  # the end stays the end
            return chunk

    def close(self) -> None:
        """Nothing more is wanted; the pipe itself is its owner's to close."""
        self._is_over.set()
        with suppress(queue.Empty):
            while self._chunks is not None:  # whoever waits for room there goes on, and ends
                self._chunks.get_nowait()

    def _read_ahead(self, fd: int) -> None:
        assert self._chunks is not None
        try:
            while not self._is_over.is_set():
                try:
                    chunk = os.read(fd, CHUNK)
                except OSError:
                    chunk = b""
                self._chunks.put(chunk)
                if not chunk:
                    return
        finally:
            os.close(fd)
