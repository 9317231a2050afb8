"""The end of what a program wrote, in whole lines: half a secret is not known for one, and would be shown."""

from __future__ import annotations

import os
from pathlib import Path

LONGEST_LINE = 1 << 20  # bytes: a line that is still longer is told in parts


def end_of(file: Path, most_bytes: int) -> str:
    """About the last `most_bytes`, from the beginning of a line on. Raises OSError."""
    with file.open("rb") as opened:
        begins = max(0, opened.seek(0, os.SEEK_END) - most_bytes)
        opened.seek(max(0, begins - 1))
        content = opened.read(most_bytes + 1)
    return content.decode(errors="replace") if begins == 0 else whole(content)


def whole(content: bytes) -> str:
    """What was cut somewhere, without the line that the cut went through."""
    return content.partition(b"\n")[2].decode(errors="replace")


class Followed:
    """A file that grows: what is new in it, in whole lines, from its last line on that had not ended."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._place = file.stat().st_size
        with file.open("rb") as opened:
            opened.seek(max(0, self._place - LONGEST_LINE))
            self._place -= len(opened.read(LONGEST_LINE).rpartition(b"\n")[2])

    def fresh(self) -> str:
        """Every line that has ended since the last look, "" for none; from the beginning where the file is a new one.
        Raises OSError."""
        size = self._file.stat().st_size
        if size < self._place:
            self._place = 0
        with self._file.open("rb") as opened:
            opened.seek(self._place)
            content = opened.read(LONGEST_LINE)
        ended = content[: content.rfind(b"\n") + 1]
        if not ended and len(content) == LONGEST_LINE:
            ended = content
        self._place += len(ended)
        return ended.decode(errors="replace")
