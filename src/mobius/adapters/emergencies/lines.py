"""A file of lines that only grows: each one is on the disk before the next, and its hash covers the one before.

A line cut in the middle, by a power cut or a full disk, is the last one; nothing after it is believed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mobius.adapters.journals.chain import canonical
from mobius.archive.durable import in_words, sync_folder

Told = Mapping[str, Any]


class Lines:
    """The file at `path`, open for one writer. Raises `MobiusError` where a line cannot be kept, and then keeps no
    further one: what is in the file has no gap."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = ""
        self._broken = False
        self._file = -1

    def begin(self, first: Told) -> None:
        """A new file with its first line."""
        with in_words(f"{self._path} cannot be written", self._path.parent):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            sync_folder(self._path.parent)
        self.add(first)

    def carry_on(self) -> None:
        """After the last line that is whole; what was cut off is taken away."""
        with in_words(f"{self._path} cannot be written", self._path.parent):
            _, self._last, size_bytes, _ = _read(self._path)
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND)
            os.ftruncate(self._file, size_bytes)

    def add(self, line: Told) -> None:
        """One more, durable when this returns."""
        if self._broken:
            return
        text, hashed = _written(line, self._last)
        before = -1
        try:
            with in_words(f"{self._path} cannot be written", self._path.parent):
                before = os.fstat(self._file).st_size
                left = memoryview(text)
                while left:
                    left = left[os.write(self._file, left) :]
                os.fsync(self._file)
        except BaseException:
            self._broken = True
            if before >= 0:
                os.ftruncate(self._file, before)
            raise
        self._last = hashed

    def close(self) -> None:
        """Nothing more is added."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def read_lines(path: Path) -> tuple[list[Told], str]:
    """The lines that can be believed, and why none follows them: "" where none is missing. Raises `OSError`."""
    lines, _, _, damage = _read(path)
    return lines, damage


def _read(path: Path) -> tuple[list[Told], str, int, str]:
    """The lines, the last hash, how many bytes that is, and what is wrong with the rest."""
    lines: list[Told] = []
    last, size_bytes, whole = "", 0, path.read_bytes()
    for number, text in enumerate(whole.splitlines(keepends=True), 1):
        try:
            told = json.loads(text)
            line, hashed = told["line"], told["hash"]
            is_whole = isinstance(line, dict) and text == _written(line, last)[0]
        except (ValueError, KeyError, TypeError, RecursionError):
            is_whole = False
        if not is_whole:
            rest = whole[size_bytes:]
            is_cut = rest == text and not text.endswith(b"\n")
            return (
                lines,
                last,
                size_bytes,
                "" if is_cut else f"line {number} of {path} is not what was written",
            )
        lines.append(line)
        last, size_bytes = hashed, size_bytes + len(text)
    return lines, last, size_bytes, ""


def _written(line: Told, last: str) -> tuple[bytes, str]:
    body = canonical(line)
    hashed = hashlib.sha256(f"{last}\n{body}".encode()).hexdigest()
    return f'{{"hash":"{hashed}","line":{body}}}\n'.encode(), hashed
