"""How a release comes over the same line as the words around it."""

from __future__ import annotations

import io
from typing import IO


class Chunks(io.RawIOBase):
    """A stream within the line: each chunk with its length before it, one of length 0 at the end."""

    def __init__(self, lines: IO[bytes]) -> None:
        super().__init__()
        self._lines = lines
        self._left = 0
        self._ended = True

    def begin(self) -> None:
        """Another stream begins."""
        self._left, self._ended = 0, False

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes; b"" at its end. Raises EOFError where the line ended first."""
        found = []
        want = size if size >= 0 else 1 << 62
        while want and not self._ended:
            if not self._left:
                self._left = int.from_bytes(self._exactly(4), "big")
                self._ended = not self._left
                continue
            piece = self._exactly(min(want, self._left, 1 << 20))
            self._left -= len(piece)
            want -= len(piece)
            found.append(piece)
        return b"".join(found)

    def drop(self) -> None:
        """Reads the rest away, so that the next line is a line again."""
        while self.read(1 << 20):
            pass

    def _exactly(self, size: int) -> bytes:
        piece = self._lines.read(size)
        if len(piece) != size:
            raise EOFError("the line ended")
        return piece
