"""Where live progress is written: whole lines that stay, and on a terminal one line below them in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from mobius.report.words import shortened

WIPE = "\r\x1b[2K"
PLAIN_SIGNS = str.maketrans(
    "✓✗⇄↩·…–—⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏�▁▂▃▄▅▆▇█━─", "+x=<-.--||||||||||?_.-=+*%#=-"
)  # for a terminal without Unicode


class Pen:
    """Writes to one stream, flushed at once. Raises what the stream raises (BrokenPipeError, OSError)."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._in_place = 0  # lines

    def line(self, text: str) -> None:
        """One line that stays; the line in place goes."""
        self.wipe()
        self._write(text.rstrip() + "\n")

    def in_place(self, text: str, width: int) -> None:
        """Replaces the line in place, cut so that it never wraps; its margin stays."""
        body = text.lstrip(" ")
        margin = len(text) - len(body)
        self.wipe()
        self._write(" " * margin + shortened(body, width - 1 - margin))
        self._in_place = 1

    def block(self, lines: Sequence[str]) -> None:
        """Replaces what is in place by these lines, none of which may be wider than the terminal."""
        self.wipe()
        if lines:
            self._write("\n".join(lines))
            self._in_place = len(lines)

    def wipe(self) -> None:
        """Removes what is in place, if there is anything."""
        if self._in_place > 1:
            self._write(f"\r\x1b[{self._in_place - 1}A\x1b[J")
        elif self._in_place:
            self._write(WIPE)
        self._in_place = 0

    def _write(self, text: str) -> None:
        try:
            text.encode(self._encoding)
        except UnicodeEncodeError:
            text = text.translate(PLAIN_SIGNS).encode(self._encoding, "replace").decode(self._encoding)
        self._stream.write(text)
        self._stream.flush()
