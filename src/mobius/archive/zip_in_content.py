"""Reading the content of an archive's members in parallel, each piece proven before anybody gets it."""

from __future__ import annotations

import bisect
import hashlib
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from mobius.archive.zip_in import Member
from mobius.archive.zip_in_inflate import crc_joined, engine, inflate_chunk, inflate_whole
from mobius.archive.zip_in_records import CHUNK_BYTES, CHUNK_TAIL, STORED, Reader
from mobius.errors import BackupInvalid

_BATCH_BYTES = 1 << 20
_BATCH_MEMBERS = 64
UNKNOWN_CRC = -1  # of a member that is known by the manifest alone

W = TypeVar("W")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Damage:
    """Which bytes of which file are lost, and where they lie in the archive. An empty `path`: of the archive itself."""

    path: str
    at: int
    size_bytes: int
    archive_at: int
    archive_bytes: int
    why: str

    def __str__(self) -> str:
        there = f"bytes {self.archive_at} to {self.archive_at + self.archive_bytes} of the archive"
        if not self.path:
            return f"{there}: {self.why}"
        return f"{self.path}: bytes {self.at} to {self.at + self.size_bytes} ({there}): {self.why}"


class Damaged(BackupInvalid):
    """Content that is not what the manifest says; `damage` says where."""

    def __init__(self, message: str, damage: Damage, *, details: tuple[str, ...] = ()) -> None:
        where = (
            f"bytes    {damage.at} to {damage.at + damage.size_bytes} of the file, "
            f"{damage.archive_at} to {damage.archive_at + damage.archive_bytes} of the archive"
        )
        super().__init__(message, details=(*details, where))
        self.damage = damage


class Small(NamedTuple):
    """Consecutive members that are read at once."""

    members: tuple[Member, ...]

    @property
    def size_bytes(self) -> int:
        return sum(member.entry.size_bytes for member in self.members)


class Chunk(NamedTuple):
    """A chunk of a large file: `at` and `packed` in the archive, `offset` and `size_bytes` in the file."""

    member: Member
    at: int
    packed: int
    offset: int
    size_bytes: int
    sha256: bytes
    last: bool


Work = Small | Chunk


def works_of(members: Iterable[Member], *, folders: bool = False) -> Iterator[Work]:
    """Members that have content (and `folders` too), cut into pieces of about a megabyte."""
    batch: list[Member] = []
    start = 0
    for member in members:
        if member.entry.kind == "directory" and not folders:
            continue
        large = member.record.chunked
        if batch and (large or len(batch) == _BATCH_MEMBERS or member.end - start > _BATCH_BYTES):
            yield Small(tuple(batch))
            batch = []
        if large:
            yield from _chunks(member)
            continue
        if not batch:
            start = member.at
        batch.append(member)
    if batch:
        yield Small(tuple(batch))


def _chunks(member: Member) -> Iterator[Chunk]:
    at, offset = member.at, 0
    for packed, sha256 in member.entry.chunks:
        size = min(CHUNK_BYTES, member.entry.size_bytes - offset)
        last = offset + size == member.entry.size_bytes
        yield Chunk(member, at, packed, offset, size, sha256, last)
        at, offset = at + packed, offset + size


def in_parallel(works: Iterable[W], do: Callable[[W], R], threads: int = 0) -> Generator[tuple[W, R]]:
    """`do` each of `works` in threads, a bounded number of them ahead, and yield the results in order.

    The first failure in order is raised; nothing runs any more when this is left.
    """
    threads = threads or min(4, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[tuple[W, Future[R]]] = deque()
        try:
            for work in works:
                waiting.append((work, pool.submit(do, work)))
                if len(waiting) > 3 * threads:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def small_contents(reader: Reader, work: Small) -> Iterator[tuple[Member, bytes]]:
    """Each member's proven content, read in one go. `Damaged` names the first that does not hold."""
    start = work.members[0].at
    last = work.members[-1]
    data = memoryview(reader.at(start, last.at + last.record.packed - start))
    for member in work.members:
        place = member.at - start
        yield member, prove_whole(member, data[place : place + member.record.packed])


def prove_whole(member: Member, packed: bytes | memoryview) -> bytes:
    """The content of a member that is not chunked, or `Damaged`."""
    entry, record = member.entry, member.record
    damage = (entry.path, 0, entry.size_bytes, member.at, record.packed)
    try:
        content = bytes(packed) if record.method == STORED else inflate_whole(packed, entry.size_bytes)
    except BackupInvalid as error:
        raise Damaged(f"{entry.path} is damaged: {error.message}", Damage(*damage, error.message)) from error
    found = hashlib.sha256(content).hexdigest()
    if found != entry.sha256:
        _mismatch(damage, entry.sha256, found)
    if record.crc != UNKNOWN_CRC and engine().crc32(content) != record.crc:
        why = "its CRC-32 is not that of the directory"
        raise Damaged(f"{entry.path} is damaged: {why}", Damage(*damage, why))
    _check_holes(member, content, 0)
    return content


def prove_chunk(reader: Reader, work: Chunk) -> tuple[bytes, int]:
    """The content of a chunk and its CRC-32, or `Damaged`."""
    entry = work.member.entry
    damage = (entry.path, work.offset, work.size_bytes, work.at, work.packed)
    data = reader.at(work.at, work.packed + (len(CHUNK_TAIL) if work.last else 0))
    try:
        if work.last and not data.endswith(CHUNK_TAIL):
            raise BackupInvalid("its packed bytes do not end where they should")
        content = inflate_chunk(memoryview(data)[: work.packed], work.size_bytes)
    except BackupInvalid as error:
        raise Damaged(f"{entry.path} is damaged: {error.message}", Damage(*damage, error.message)) from error
    found = hashlib.sha256(content)
    if found.digest() != work.sha256:
        _mismatch(damage, work.sha256.hex(), found.hexdigest())
    _check_holes(work.member, content, work.offset)
    return content, engine().crc32(content)


class Crc:
    """The CRC-32 of chunked files, joined from that of their chunks, which come in order."""

    def __init__(self) -> None:
        self._crc = 0

    def add(self, work: Chunk, crc: int) -> None:
        """`Damaged` at the last chunk of a file whose CRC-32 is not that of the directory."""
        self._crc = crc_joined(self._crc, crc, work.size_bytes) if work.offset else crc
        member = work.member
        if work.last and member.record.crc not in (self._crc, UNKNOWN_CRC):
            why = "its CRC-32 is not that of the directory"
            damage = Damage(
                member.entry.path, 0, member.entry.size_bytes, member.at, member.record.packed, why
            )
            raise Damaged(f"{member.entry.path} is damaged: {why}", damage)


def _mismatch(damage: tuple[str, int, int, int, int], expected: str, found: str) -> None:
    details = (f"expected {expected}", f"found    {found}")
    why = "does not match its SHA-256"
    raise Damaged(f"{damage[0]} {why}", Damage(*damage, f"it {why}"), details=details)


def holes_in(member: Member, offset: int, size: int) -> Iterator[tuple[int, int]]:
    """The holes in this part of the file, as (begin, end) within the part."""
    holes = member.entry.holes
    for at, length in holes[max(0, bisect.bisect_right(holes, (offset, 2**63)) - 1) :]:
        if at >= offset + size:
            break
        begin, end = max(at - offset, 0), min(at + length - offset, size)
        if begin < end:
            yield begin, end


def _check_holes(member: Member, content: bytes, offset: int) -> None:
    for begin, end in holes_in(member, offset, len(content)) if member.entry.holes else ():
        if content.count(b"\0", begin, end) != end - begin:
            why = "there is content where the manifest has a hole"
            damage = Damage(
                member.entry.path, offset + begin, end - begin, member.at, member.record.packed, why
            )
            raise Damaged(f"{member.entry.path} is damaged: {why}", damage)
