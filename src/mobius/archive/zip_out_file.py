"""The archive while it is written: bytes behind bytes, hashed as they go; the directory and the manifest are kept
beside it, in files without a name, so that memory does not grow with their number."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from mobius.archive.durable import libc
from mobius.archive.reading import read_at
from mobius.archive.zip_out import Member, directory_record, end_records

_COPY_BYTES = 1 << 20
_WRITEBACK_BYTES = 16 << 20
_SYNC_FILE_RANGE_WRITE = 2


@dataclass(frozen=True, slots=True)
class Mark:
    """A place to come back to."""

    offset: int
    digest: Any
    members: int
    directory_bytes: int
    lines_bytes: int


class ArchiveOut:
    """Appends to the open file of an archive. `folder` is where its temporary files may lie."""

    def __init__(self, file: BinaryIO, folder: Path) -> None:
        self._fd = file.fileno()
        self._digest = hashlib.sha256()
        with contextlib.ExitStack() as spools:
            self._directory = spool(folder, spools)
            self._lines = spool(folder, spools)
            self._spools = spools.pop_all()
        self._sent = 0
        self.offset = 0
        self.members = 0

    def __enter__(self) -> ArchiveOut:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._spools.close()

    def append(self, data: bytes) -> None:
        """Write and hash; raises OSError."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        self._digest.update(data)
        self.offset += len(data)
        if self.offset - self._sent >= _WRITEBACK_BYTES:
            self._send_to_disk()

    def record(self, member: Member, offset: int) -> None:
        """Remember a member, whose local header is at `offset`, for the directory."""
        self._directory.write(directory_record(member, offset))
        self.members += 1

    def line(self, text: str) -> None:
        """Add to the manifest: a whole line, or a part of one."""
        self._lines.write(text.encode())

    @property
    def lines_bytes(self) -> int:
        return self._lines.tell()

    def copy_of_line(self, at: int, size: int) -> None:
        """Write a part of the manifest once more."""
        end = self._lines.tell()
        for place in range(at, at + size, _COPY_BYTES):
            self._lines.seek(place)
            piece = self._lines.read(min(_COPY_BYTES, at + size - place))
            self._lines.seek(end)
            self._lines.write(piece)
            end += len(piece)

    def copy(self, at: int, size: int) -> None:
        """Write a part of the archive once more."""
        for place in range(at, at + size, _COPY_BYTES):
            self.append(read_at(self._fd, min(_COPY_BYTES, at + size - place), place))

    def mark(self) -> Mark:
        return Mark(
            self.offset, self._digest.copy(), self.members, self._directory.tell(), self._lines.tell()
        )

    def rewind(self, mark: Mark) -> None:
        """Take back everything since `mark`."""
        os.ftruncate(self._fd, mark.offset)
        os.lseek(self._fd, mark.offset, os.SEEK_SET)
        self.offset, self._digest, self.members = mark.offset, mark.digest.copy(), mark.members
        self._sent = min(self._sent, self.offset)
        for spool, size in ((self._directory, mark.directory_bytes), (self._lines, mark.lines_bytes)):
            spool.seek(size)
            spool.truncate()

    def lines(self) -> BinaryIO:
        """The manifest, to be read from its start."""
        self._lines.flush()
        self._lines.seek(0)
        return self._lines

    def finish(self) -> str:
        """Write the directory and the end, and return the SHA-256 of it all."""
        start, size = self.offset, self._directory.tell()
        self._directory.seek(0)
        for piece in _pieces(self._directory):
            self.append(piece)
        self.append(end_records(self.members, start, size))
        digest: str = self._digest.hexdigest()
        return digest

    def _send_to_disk(self) -> None:
        """Let the disk begin with what is there, so that the fsync at the end has little left to wait for."""
        call = getattr(libc(), "sync_file_range", None)
        if call is not None:
            size = self.offset - self._sent
            call(self._fd, ctypes.c_int64(self._sent), ctypes.c_int64(size), _SYNC_FILE_RANGE_WRITE)
        self._sent = self.offset


def spool(folder: Path, until: contextlib.ExitStack) -> BinaryIO:
    """A file without a name in `folder`, closed with `until`, also where the disk is too full for its last bytes."""
    made: BinaryIO = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed by the stack)

    def close() -> None:
        with contextlib.suppress(OSError):
            made.close()

    until.callback(close)
    return made


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_COPY_BYTES):
        yield piece
