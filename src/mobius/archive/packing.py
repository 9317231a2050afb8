"""Packing what was found: many small paths at once, large files by chunks; runs in threads, writes nothing."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mobius.archive.deflate import CHUNK_BYTES, Engine
from mobius.archive.manifest_lines import Attributes, attributes_text
from mobius.archive.reading import (
    Changed,
    holes_of,
    identity,
    open_unfollowed,
    read_at,
    read_into,
    read_link,
    regular,
    xattrs_of,
)
from mobius.archive.sqlite_capture import HEADER
from mobius.archive.tree import GONE, Found, Skipped, kept_mode, unreadable, went_away
from mobius.archive.zip_out import DEFLATED, STORED, Member, local_header

_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_local = threading.local()


class Item(NamedTuple):
    """One whole member of a run: where in it its header and its data begin, and its line of the manifest but for the
    path and the offset."""

    found: Found
    member: Member
    header_at: int
    data_at: int
    text: str


class Run(NamedTuple):
    """Whole members, one behind the other, as they stand in the archive."""

    blob: bytes
    items: list[Item]
    inode: str = ""  # of its one file, where that has further names


class Alone(NamedTuple):
    """A path that the one who writes must take by itself: a database, a file that grew, or that changed."""

    found: Found


@dataclass(slots=True)
class Opened:
    """A large file while it is read by chunks."""

    found: Found
    fd: int
    seen: os.stat_result
    holes: list[tuple[int, int]]
    attributes: Attributes
    inode: str  # where it has further names

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class Chunk(NamedTuple):
    """One chunk of a large file, packed."""

    packed: bytes
    size_bytes: int
    crc32: int
    sha256: bytes


class Ended(NamedTuple):
    """All chunks of this file went by."""

    opened: Opened


def inode_of(seen: os.stat_result) -> str:
    """What the names of one file have in common, or "" where it has only one."""
    return f"{seen.st_dev}:{seen.st_ino}" if seen.st_nlink > 1 else ""


def pack_batch(engine: Engine, batch: Sequence[Found]) -> list[Run | Alone | Skipped]:
    """Pack small paths in order. Whatever cannot be taken as it was found comes back as Alone or Skipped."""
    results: list[Run | Alone | Skipped] = []
    parts: list[bytes] = []
    items: list[Item] = []
    size = 0

    def end_run() -> None:
        nonlocal parts, items, size
        if items:
            results.append(Run(b"".join(parts), items))
        parts, items, size = [], [], 0

    for found in batch:
        try:
            content, seen, attributes = _taken(found)
        except Changed:
            end_run()
            results.append(Alone(found))
            continue
        except OSError as error:
            if error.errno not in GONE:
                raise unreadable(found.path, error) from error
            results.append(went_away(found))
            continue
        inode = inode_of(seen) if seen else ""
        if inode:
            end_run()
        member, data, text = packed_whole(engine, found.member, found.kind, content, attributes)
        header = local_header(member)
        items.append(Item(found, member, size, size + len(header), text))
        parts += (header, data)
        size += len(header) + len(data)
        if inode:
            results.append(Run(b"".join(parts), items, inode))
            parts, items, size = [], [], 0
    end_run()
    return results


def packed_whole(
    engine: Engine, path: str, kind: str, content: bytes, attributes: Attributes
) -> tuple[Member, bytes, str]:
    """One whole member: what its headers say, its data, and its line but for the path and the offset."""
    directory = kind == "directory"
    packed = engine.whole(content) if content and kind == "file" else None
    data = content if packed is None else packed
    member = Member(
        (path + "/" if directory else path).encode(),
        STORED if packed is None else DEFLATED,
        engine.crc32(content) if content else 0,
        len(data), len(content), attributes.file_mode,
        attributes.mtime_ns, attributes.uid, attributes.gid,
    )  # fmt: skip
    sha256 = "" if directory else hashlib.sha256(content).hexdigest() if content else _EMPTY_SHA256
    text = attributes_text(kind, len(content), attributes) + f',"sha256":"{sha256}"'
    return member, data, text


def open_large(found: Found) -> Opened:
    """Open a large file; Changed when it is not a large file, or a database, by now."""
    fd = open_unfollowed(found.path)
    try:
        seen = regular(fd)
        if seen.st_size <= CHUNK_BYTES or read_at(fd, len(HEADER), 0) == HEADER:
            raise Changed
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)  # the kernel reads further ahead
        holes = holes_of(fd, seen)
        return Opened(found, fd, seen, holes, _attributes_of(fd, seen, holes), inode_of(seen))
    except BaseException:
        os.close(fd)
        raise


def opened_capture(found: Found, copy: str, inode: str) -> Opened:
    """The copy of a database, with the attributes of the database; `inode` is that of the database."""
    fd = open_unfollowed(copy)
    try:
        attributes = Attributes(
            stat.S_IFREG | found.mode, found.mtime_ns, found.uid, found.gid,
            xattrs=xattrs_of(found.path), database=True,
        )  # fmt: skip
        return Opened(found, fd, os.fstat(fd), [], attributes, inode)
    except BaseException:
        os.close(fd)
        raise


def pack_capture(engine: Engine, opened: Opened) -> Run:
    """The copy of a small database, whole; closes it."""
    try:
        content = read_whole(opened.fd, opened.seen.st_size)
    finally:
        opened.close()
    member, data, text = packed_whole(engine, opened.found.member, "file", content, opened.attributes)
    header = local_header(member)
    return Run(header + data, [Item(opened.found, member, 0, len(header), text)], opened.inode)


def read_whole(fd: int, size: int) -> bytes:
    """Exactly `size` bytes from the start; Changed when there are fewer or more."""
    content = os.pread(fd, size + 1, 0) if hasattr(os, "pread") else b""
    if len(content) != size:
        content = read_at(fd, size + 1, 0)
    if len(content) != size:
        raise Changed
    return content


def is_unchanged(opened: Opened) -> bool:
    return identity(os.fstat(opened.fd)) == identity(opened.seen)


def chunk_ranges(size: int, holes: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, bool]]:
    """Offset and length of each chunk, and whether it lies in a hole altogether."""
    following = iter(holes)
    hole = next(following, None)
    for at in range(0, size, CHUNK_BYTES):
        length = min(CHUNK_BYTES, size - at)
        while hole is not None and hole[0] + hole[1] <= at:
            hole = next(following, None)
        yield at, length, hole is not None and hole[0] <= at and at + length <= hole[0] + hole[1]


def pack_chunk(engine: Engine, opened: Opened, at: int, length: int) -> Chunk | None:
    """Read, sum and pack one chunk; None when the file is shorter by now."""
    try:
        return pack_chunk_of(engine, opened.fd, at, length)
    except OSError as error:
        raise unreadable(opened.found.path, error) from error


def pack_chunk_of(engine: Engine, fd: int, at: int, length: int) -> Chunk | None:
    """`pack_chunk` for an open file of any kind; raises OSError."""
    view = memoryview(_buffer())[:length]
    return packed_chunk(engine, view) if read_into(fd, view, at) == length else None


def packed_chunk(engine: Engine, content: bytes | memoryview) -> Chunk:
    return Chunk(engine.chunk(content), len(content), engine.crc32(content), hashlib.sha256(content).digest())


def _buffer() -> bytearray:
    """This thread's own, used again for each chunk: fresh memory costs a page fault for every 4 KiB."""
    buffer: bytearray | None = getattr(_local, "buffer", None)
    if buffer is None:
        buffer = _local.buffer = bytearray(CHUNK_BYTES)
    return buffer


def _taken(found: Found) -> tuple[bytes, os.stat_result | None, Attributes]:
    """Content and attributes of one path, unchanged from start to end; Changed, OSError."""
    if found.kind == "file":
        return _file_taken(found)
    file_type = stat.S_IFDIR if found.kind == "directory" else stat.S_IFLNK
    content = b"" if found.kind == "directory" else read_link(found.path)
    attributes = Attributes(
        file_type | found.mode, found.mtime_ns, found.uid, found.gid,
        xattrs=xattrs_of(found.path), target=content.decode(),
    )  # fmt: skip
    return content, None, attributes


def _file_taken(found: Found) -> tuple[bytes, os.stat_result, Attributes]:
    fd = open_unfollowed(found.path)
    try:
        seen = regular(fd)
        if seen.st_size > CHUNK_BYTES:
            raise Changed
        content = read_whole(fd, seen.st_size)
        if content.startswith(HEADER):
            raise Changed
        holes = holes_of(fd, seen)
        attributes = _attributes_of(fd, seen, holes)
        if identity(os.fstat(fd)) != identity(seen):
            raise Changed
        return content, seen, attributes
    finally:
        os.close(fd)


def _attributes_of(fd: int, seen: os.stat_result, holes: list[tuple[int, int]]) -> Attributes:
    return Attributes(
        stat.S_IFREG | kept_mode(seen.st_mode),
        seen.st_mtime_ns,
        seen.st_uid,
        seen.st_gid,
        xattrs_of(fd),
        holes,
    )
