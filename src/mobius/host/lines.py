"""What is noted half a minute at a time: one line of JSON each, oldest first, in a file of bounded size.

A file that has grown becomes `NAME.1`, which takes the place of the one before. Lines are not synced: a crash of the
machine loses the last ones, and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BLOCK_S = 30.0
TURN_AT_BYTES = 2 << 20  # a day of a busy service is about half of it

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """What was noted at `at` (unix seconds) of the `took_s` seconds before, by release; of what a release has nobody
    has looked at yet."""

    at: float
    took_s: float
    releases: Json


def write_line(path: Path, line: Json, turn_at_bytes: int = TURN_AT_BYTES) -> None:
    """Adds one line. Raises OSError when it cannot."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > turn_at_bytes:
            path.replace(path.with_name(f"{path.name}.1"))
    whole = json.dumps(line, separators=(",", ":")).encode() + b"\n"
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b", buffering=0) as file:
        if _is_cut(file.fileno()):
            whole = b"\n" + whole
        file.write(whole)


def read_lines(path: Path, after: float, until: float) -> Iterator[Line]:
    """The lines of the time after `after`, up to `until`. Whatever is no such line is passed over, and so is one that
    stands for far more than its half minute: nobody looked meanwhile."""
    for file in (path.with_name(f"{path.name}.1"), path):
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for one in text.split("\n"):
            try:
                told = json.loads(one)
                line = Line(float(told["at"]), float(told["took_s"]), dict(told["releases"]))
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError):  # cut by a crash
                continue
            if after < line.at <= until and 0 <= line.took_s <= 2 * BLOCK_S:
                yield line


def _is_cut(fd: int) -> bool:
    """Whether the file ends in the middle of a line: the next one must not become part of it."""
    size = os.fstat(fd).st_size
    return size > 0 and os.pread(fd, 1, size - 1) != b"\n"
