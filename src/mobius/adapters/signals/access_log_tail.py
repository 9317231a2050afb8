"""What was appended to a log since the last look, over rotations, truncations and growth without bound.

A look costs what is new, and no more than `most_bytes` of it: the rest is skipped, and counted. The file that was
renamed away is read on until it has been quiet for a look, for a proxy writes there until it has reopened its log.
"""

from __future__ import annotations

import errno
import os
import stat
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mobius.errors import MobiusError
from mobius.rules.access_log import LONGEST_LINE

MOST_BYTES = 8 * 1024 * 1024  # of each file and look: about 40,000 lines, half a second of a processor
PIECE_BYTES = 256 * 1024
REMEMBERED_BYTES = 64
MOST_FILES = 4  # open at a time: a log rotated faster than looked at loses its oldest


@dataclass(slots=True)
class Looked:
    """What happened on the way to the newest lines. Bytes that were never read, and why, in words."""

    lines: int = 0
    skipped_bytes: int = 0
    remarks: list[str] = field(default_factory=list)


class Tail:
    """Follows `path` from its present end on. Lines that were cut in two by an end of file come whole, later."""

    def __init__(self, path: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._files: list[_File] = []  # oldest first; the last one is, or was, at the path
        self._from_the_end = True
        try:
            self._find_file()
        except FileNotFoundError:
            pass
        except OSError:
            return  # it may be there, and long: once it can be read, its old lines are not news
        self._from_the_end = False

    def look(self, take: Callable[[bytes], None]) -> Looked:
        """Gives each whole line that is new to `take`, oldest file first. Raises `MobiusError` when there is no file,
        or it cannot be read; what had been read before stays read."""
        looked, trouble, is_new = Looked(), None, False
        try:
            is_new = self._find_file()
        except OSError as error:
            trouble = error
        for file in self._files:  # also where the newest cannot be opened: what was renamed away still tells
            try:
                file.read(take, looked, self._most_bytes)
            except OSError as error:
                trouble = error
        if trouble is not None:
            raise self._told(trouble) from trouble
        self._from_the_end = False
        if not is_new:
            self._let_go()
        return looked

    def close(self) -> None:
        """Lets go of every file."""
        for file in self._files:
            file.close()
        self._files.clear()

    def _find_file(self) -> bool:
        """Opens what is at the path now, when that is another file than before. Whether it is."""
        status = self._path.stat()
        if self._files and self._files[-1].is_at(status):
            return False
        self._files.append(_File(self._path, from_the_end=self._from_the_end))
        return True

    def _told(self, error: OSError) -> MobiusError:
        if isinstance(error, FileNotFoundError):
            return MobiusError(f"there is no access log {self._path}", "check access_log in [traffic]")
        why = error.strerror or str(error)
        hint = "let the user that mobius runs as read it (its group is often adm)"
        return MobiusError(f"the access log {self._path} cannot be read: {why}", hint)

    def _let_go(self) -> None:
        """Of the files that were renamed away, those that brought nothing since the newer one has lines."""
        newest = self._files[-1]
        for file in self._files[:-1]:
            if len(self._files) > MOST_FILES or (file.was_quiet and newest.position > 0):
                file.close()
                self._files.remove(file)


class _File:
    """One open file and how far it was read: always to the end of a line, or within one that is passed over."""

    def __init__(self, path: Path, *, from_the_end: bool) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        # Once, and also where nobody does it: a monitor begins many windows.
        self.close = weakref.finalize(self, os.close, self._descriptor)
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise OSError(errno.EINVAL, "it is no regular file")
        self._identity = (status.st_dev, status.st_ino)
        self.position = status.st_size if from_the_end else 0
        self.was_quiet = False
        # Beginning in the middle of a line: its rest is none.
        self._passing_over = bool(self.position) and os.pread(self._descriptor, 1, self.position - 1) != b"\n"
        self._before = self._bytes_before()

    def is_at(self, status: os.stat_result) -> bool:
        return self._identity == (status.st_dev, status.st_ino)

    def read(self, take: Callable[[bytes], None], looked: Looked, most_bytes: int) -> None:
        size = os.fstat(self._descriptor).st_size
        if size < self.position or self._bytes_before() != self._before:
            looked.remarks.append("the log was truncated; what was written just before may be lost")
            self.position, self._passing_over = 0, False
        began = self.position
        if size - self.position > most_bytes:
            looked.skipped_bytes += size - most_bytes - self.position
            self.position = size - most_bytes
            self._passing_over = os.pread(self._descriptor, 1, self.position - 1) != b"\n"
        for line in self._whole_lines(size):
            looked.lines += 1
            take(line)
        self.was_quiet = self.position == began
        self._before = self._bytes_before()

    def _whole_lines(self, end: int) -> Iterator[bytes]:
        """Up to `end`: what is written meanwhile is for the next look, so that each one ends."""
        rest, reached = b"", self.position
        while reached < end:
            piece = os.pread(self._descriptor, min(PIECE_BYTES, end - reached), reached)
            if not piece:
                break
            reached += len(piece)
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                passed_over, self._passing_over = self._passing_over, False
                if not passed_over and line.strip(b"\0\r"):
                    yield line
            self.position = reached - len(rest)
            if self._passing_over or len(rest) > LONGEST_LINE:
                if not self._passing_over:
                    yield rest  # too long to be read, and said to be so
                self._passing_over, rest, self.position = True, b"", reached

    def _bytes_before(self) -> bytes:
        """The last bytes that were read: a file that was cut and has grown again has others there."""
        start = max(0, self.position - REMEMBERED_BYTES)
        return os.pread(self._descriptor, self.position - start, start)
