"""Filling the zip of a backup: each path as it is at one moment, read again when it changes meanwhile."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from mobius.archive.manifest import (
    FORMAT,
    MANIFEST_NAME,
    METADATA_NAME,
    Entry,
    Source,
    encode_entries,
    encode_metadata,
)
from mobius.archive.publish import Workspace
from mobius.archive.sqlite_capture import HEADER, capture_database
from mobius.archive.tree import Found, Skipped
from mobius.archive.verify import CHUNK_BYTES, member_name
from mobius.errors import MobiusError

Progress = Callable[[int, int], None]

_TRIES = 5
_DEFLATE_LEVEL = 2  # most of the size for a fraction of the time of 6
_SAMPLE_BYTES = 64 << 10


@dataclass(slots=True)
class Filler:
    """Fills one zip, and remembers what went into it."""

    space: Workspace
    total: int
    progress: Progress | None
    skipped: list[Skipped]
    entries: list[Entry] = field(default_factory=list)
    databases: dict[str, object] = field(default_factory=dict)
    done: int = 0
    zip: zipfile.ZipFile = field(init=False)

    def __post_init__(self) -> None:
        self.zip = zipfile.ZipFile(self.space.file, "w", zipfile.ZIP_DEFLATED, compresslevel=_DEFLATE_LEVEL)

    def fill(self, found: Sequence[Found]) -> None:
        for each in found:
            try:
                entry = self._take(each)
            except FileNotFoundError:
                self.skipped.append(Skipped(each.member, "went away while the tree was read"))
                continue
            self.entries.append(entry)

    @contextlib.contextmanager
    def abandoned_on_failure(self) -> Iterator[None]:
        """Keep the zip from writing its directory into a file that is closed, or full."""
        try:
            yield
        except BaseException:
            self.zip.fp = None
            raise

    def facts(self, sources: Sequence[Source]) -> dict[str, object]:
        contents = {}
        for source in sources:
            below = source.prefix + "/"
            sizes = [
                entry.size_bytes
                for entry in self.entries
                if entry.kind == "file" and (entry.path == source.prefix or entry.path.startswith(below))
            ]
            contents[source.prefix] = {"files": len(sizes), "size_bytes": sum(sizes)}
        return {
            "format": FORMAT,
            "contents": contents,
            "databases": self.databases,
            "skipped": [{"path": each.path, "reason": each.reason} for each in self.skipped],
        }

    def finish(self, metadata: Mapping[str, object]) -> None:
        for name, content in (
            (METADATA_NAME, encode_metadata(metadata)),
            (MANIFEST_NAME, encode_entries(self.entries)),
        ):
            self.zip.writestr(_zip_info(name, stat.S_IFREG | 0o600, time.time_ns()), content)
        self.zip.close()

    def _take(self, found: Found) -> Entry:
        if found.kind == "directory":
            entry = Entry(found.member, "directory", 0, "", found.mode, found.mtime_ns)
            self.zip.writestr(_zip_info(member_name(entry), stat.S_IFDIR | found.mode, found.mtime_ns), b"")
            return entry
        if found.kind == "symlink":
            return self._take_link(found)
        if found.database:
            return self._take_database(found)
        return self._take_file(found)

    def _take_link(self, found: Found) -> Entry:
        target = str(found.path.readlink())
        content = target.encode()
        self.zip.writestr(_zip_info(found.member, stat.S_IFLNK | 0o777, found.mtime_ns), content)
        sha256 = hashlib.sha256(content).hexdigest()
        return Entry(found.member, "symlink", len(content), sha256, 0o777, found.mtime_ns, link_target=target)

    def _take_database(self, found: Found) -> Entry:
        scratch = self.space.scratch()
        capture = capture_database(found.path, scratch)
        try:
            self.databases[found.member] = capture.facts.as_json() | {
                "captured_in_s": round(capture.duration_s, 3)
            }
            return self._pour(found, scratch)
        finally:
            scratch.unlink(missing_ok=True)

    def _take_file(self, found: Found) -> Entry:
        before = self.zip.start_dir
        done = self.done
        for attempt in range(_TRIES):
            try:
                return self._pour(found, found.path)
            except _Changed:
                self._rewind_to(before)
                self.done = done
                time.sleep(0.02 * 2**attempt)
        raise MobiusError(
            f"{found.path} cannot be backed up: it changed while it was read, {_TRIES} times in a row",
            f"exclude it if it is a log or a cache (it would be {found.member}), or stop what writes to it",
        )

    def _pour(self, found: Found, path: Path) -> Entry:
        """Stream one file into the zip; _Changed if it was not one unchanged file from start to end."""
        with _opened_unfollowed(path) as file:
            before = os.fstat(file.fileno())
            first = file.read(_SAMPLE_BYTES)
            if not stat.S_ISREG(before.st_mode) or (first.startswith(HEADER) and not found.database):
                raise _Changed
            mode, mtime_ns = found.mode, found.mtime_ns
            if not found.database:
                mode, mtime_ns = stat.S_IMODE(before.st_mode) & 0o777, before.st_mtime_ns
            info = _zip_info(found.member, stat.S_IFREG | mode, mtime_ns)
            info.compress_type = zipfile.ZIP_DEFLATED if _compressible(first) else zipfile.ZIP_STORED
            info.file_size = before.st_size
            digest = hashlib.sha256()
            size = 0
            with self.zip.open(info, "w", force_zip64=before.st_size > 1 << 30) as member:
                piece = first
                while piece:
                    size += len(piece)
                    if size > before.st_size:
                        raise _Changed
                    digest.update(piece)
                    member.write(piece)
                    self._tell(len(piece))
                    piece = file.read(CHUNK_BYTES)
            if size != before.st_size or _identity(os.fstat(file.fileno())) != _identity(before):
                raise _Changed
        return Entry(found.member, "file", size, digest.hexdigest(), mode, mtime_ns, database=found.database)

    def _rewind_to(self, offset: int) -> None:
        """Take back what was written from `offset` on: one member at most."""
        if self.zip.start_dir == offset:
            return
        taken = self.zip.filelist.pop()
        del self.zip.NameToInfo[taken.filename]
        self.zip.start_dir = offset
        self.space.file.flush()
        self.space.file.truncate(offset)

    def _tell(self, size_bytes: int) -> None:
        self.done += size_bytes
        if self.progress:
            self.progress(self.done, max(self.total, self.done))


class _Changed(Exception):
    """The file is not the one that we began to read."""


def _identity(seen: os.stat_result) -> tuple[int, int, int]:
    return seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def _opened_unfollowed(path: Path) -> BinaryIO:
    # A pipe that took the file's place would block the open for ever; a link could lead anywhere.
    flags = (
        os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    )
    try:
        return os.fdopen(os.open(path, flags), "rb")
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _Changed from error
        raise


def _compressible(sample: bytes) -> bool:
    """Pictures, films and archives only cost time when deflated again."""
    return len(sample) < 512 or len(zlib.compress(sample, 1)) < 0.95 * len(sample)


def _zip_info(name: str, mode: int, mtime_ns: int) -> zipfile.ZipInfo:
    seconds = mtime_ns // 10**9
    # The zip's own time begins in 1980 and has steps of two seconds; the extra field has Unix seconds for
    # unzip.
    local = time.localtime(min(max(seconds, 315_619_200), 4_354_732_800))
    info = zipfile.ZipInfo(name, date_time=local[:6])
    info.create_system = 3  # Unix: the upper half of external_attr is the mode
    info.external_attr = mode << 16 | (0x10 if stat.S_ISDIR(mode) else 0)
    info.compress_type = zipfile.ZIP_STORED if stat.S_ISDIR(mode) else zipfile.ZIP_DEFLATED
    if -(2**31) <= seconds < 2**31:
        info.extra = struct.pack("<HHBi", 0x5455, 5, 1, seconds)
    return info
