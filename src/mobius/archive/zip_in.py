"""Walking an archive of format 2: directory, manifest and local headers side by side, which must agree."""

from __future__ import annotations

import contextlib
import json
import stat
import struct
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, cast

from mobius.archive.zip_in_inflate import engine, inflate_stream
from mobius.archive.zip_in_lines import MANIFEST_NAME, METADATA_NAME, Entry, order_of, read_lines
from mobius.archive.zip_in_names import why_climbs
from mobius.archive.zip_in_records import (
    STORED,
    End,
    Reader,
    Record,
    check_local_header,
    end_of,
    parse_record,
    read_directory,
    read_end,
)
from mobius.errors import BackupInvalid

FORMAT = 2
METADATA_LIMIT_BYTES = 16 << 20
_PACKED_BYTES = 256 << 10
_TYPES = {"file": stat.S_IFREG, "directory": stat.S_IFDIR, "symlink": stat.S_IFLNK}
_TAIL_BYTES = 64 << 10
_TIMES = struct.Struct("<HHBi")
_OWNER = struct.Struct("<HHBBIBI")


class Member(NamedTuple):
    """One path, and where it is: `offset` of its local header, `at` of its data, `end` behind its descriptor."""

    entry: Entry
    record: Record
    at: int
    end: int


@dataclass(frozen=True, slots=True)
class Own:
    """One of the archive's own two members."""

    record: Record
    at: int
    end: int


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive whose end, metadata and manifest were found; its other members are not looked at yet."""

    reader: Reader
    end: End
    metadata: Mapping[str, object]
    metadata_member: Own
    manifest_member: Own

    def entries(self) -> Generator[Entry]:
        """What the manifest names, in order, read anew at each call. BackupInvalid when it is damaged."""
        return read_lines(content_of_own(self.reader, self.manifest_member, MANIFEST_NAME))

    def members(self) -> Iterator[Member]:
        """Entries together with their records, when `walk` has found that they agree: nothing is checked again."""
        records = read_directory(self.reader, self.end)
        for entry, record in zip(self.entries(), records, strict=False):
            at = record.offset if entry.at is None else entry.at
            yield Member(entry, record, at, at + record.packed)


def open_archive(reader: Reader) -> Archive:
    """Find the end, the metadata and the manifest. BackupInvalid for what is no archive of format 2."""
    end = read_end(reader)
    if not 0 <= end.directory_at <= end.directory_end or end.members < 2:
        raise BackupInvalid(f"it holds no {MANIFEST_NAME}: it is not a backup made by mobius")
    metadata_member, manifest_member = _own_members(reader, end)
    metadata = read_own_metadata(reader, metadata_member)
    return Archive(reader, end, metadata, metadata_member, manifest_member)


def read_own_metadata(reader: Reader, own: Own) -> Mapping[str, object]:
    if own.record.size_bytes > METADATA_LIMIT_BYTES:
        raise BackupInvalid(f"its {METADATA_NAME} is larger than any real one")
    text = b"".join(content_of_own(reader, own, METADATA_NAME))
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BackupInvalid(f"{METADATA_NAME} is not JSON: {error}") from error
    if not isinstance(metadata, dict):
        raise BackupInvalid(f"{METADATA_NAME} is not a JSON object")
    facts = metadata.get("archive")
    found = facts.get("format") if isinstance(facts, dict) else None
    if found != FORMAT or isinstance(found, bool):
        raise BackupInvalid(f"{METADATA_NAME} names format {found!r}; this mobius reads format {FORMAT}")
    return cast("dict[str, object]", metadata)


def content_of_own(reader: Reader, own: Own, name: str) -> Iterator[bytes]:
    """The content of an own member in pieces, its size and CRC-32 proven at the end."""
    crc, size = 0, 0
    packed = _pieces(reader, own.at, own.record.packed)
    crc32 = engine().crc32
    try:
        pieces = packed if own.record.method == STORED else inflate_stream(packed, own.record.size_bytes)
        for piece in pieces:
            crc = crc32(piece, crc)
            size += len(piece)
            yield piece
    except BackupInvalid as error:
        if error.message.startswith(name):
            raise
        raise BackupInvalid(f"{name} is damaged: {error.message}") from error
    if crc != own.record.crc or size != own.record.size_bytes:
        raise BackupInvalid(f"{name} is damaged: its CRC-32 is not that of the directory")


def _pieces(reader: Reader, at: int, size: int) -> Iterator[bytes]:
    while size:
        piece = reader.at(at, min(size, _PACKED_BYTES))
        at, size = at + len(piece), size - len(piece)
        yield piece


def _own_members(reader: Reader, end: End) -> tuple[Own, Own]:
    """The last two records of the directory, found from its end."""
    size = min(_TAIL_BYTES, end.directory_end - end.directory_at)
    tail = reader.at(end.directory_end - size, size)
    manifest, place = _last_record(tail, len(tail), end.members, MANIFEST_NAME)
    metadata, _ = _last_record(tail, place, end.members - 1, METADATA_NAME)
    return _placed(reader, metadata), _placed(reader, manifest)


def _last_record(tail: bytes, stop: int, number: int, name: str) -> tuple[Record, int]:
    """The record that ends at `stop`; its signature may also stand inside of a record by chance."""
    start = stop
    problem: BackupInvalid | None = None
    while (start := tail.rfind(b"PK\x01\x02", 0, start)) >= 0:
        try:
            record, after = parse_record(tail, start, number)
        except BackupInvalid as error:
            problem = problem or error
            continue
        if after == stop:
            if record.name != name.encode():
                break
            return record, start
    raise BackupInvalid(f"it holds no {name}: it is not a backup made by mobius") from problem


def _placed(reader: Reader, record: Record) -> Own:
    plain = plain_extra(record)
    _check_own_extra(record, plain)
    at = check_local_header(reader, record, plain)
    return Own(record, at, end_of(reader, record, at))


def plain_extra(record: Record) -> bytes:
    """The record's extra field without its ZIP64 part."""
    if not record.zip64:
        return record.extra
    if record.extra.startswith(record.zip64):
        return record.extra[len(record.zip64) :]
    return record.extra[: -len(record.zip64)]


def _check_own_extra(record: Record, plain: bytes) -> None:
    regular = record.attributes >> 16 & stat.S_IFMT(0xFFFF) == stat.S_IFREG and not record.attributes & 0xFFFF
    first = _TIMES.pack(0x5455, 5, 1, 0)[:5]
    rest = plain
    if rest.startswith(first):
        rest = rest[_TIMES.size :]
    elif rest[_OWNER.size :].startswith(first):
        rest = rest[: _OWNER.size]
    if (
        not regular
        or len(rest) != _OWNER.size
        or not rest.startswith(_OWNER.pack(0x7875, 11, 1, 4, 0, 0, 0)[:6])
    ):
        raise BackupInvalid(f"{record.shown} is described in the directory as mobius never does")


def walk(archive: Archive) -> Iterator[Member]:
    """Every member in order, with all that is said of it in three places compared; its content is not read.

    BackupInvalid names the first that is out of order, there twice, in only one place, described differently, over
    another one, behind a gap, or of a name that leads out of a folder.
    """
    reader, content = archive.reader, archive.end.members - 2
    records = read_directory(reader, archive.end)
    lines = archive.entries()
    with contextlib.closing(lines):
        expected, before, leaf = 0, b"", False
        for number, record in zip(range(content), records, strict=False):
            entry = next(lines, None)
            _check_same_name(entry, record)
            assert entry is not None
            if entry.path.partition("/")[0] in (METADATA_NAME, MANIFEST_NAME):
                raise BackupInvalid(f"{MANIFEST_NAME} names {entry.path!r}, which is the archive's own")
            if why := why_climbs(entry.path):
                raise BackupInvalid(f"it is not safe to extract: {entry.path!r} {why}")
            order = order_of(entry.path)
            if number:
                check_order(entry, order, before, leaf)
            before, leaf = order, entry.kind != "directory"
            member = _checked(reader, entry, record, expected)
            expected = member.end
            yield member
        surplus = next(lines, None)
        if surplus is not None:
            raise BackupInvalid(f"{surplus.path!r} is in {MANIFEST_NAME} but not in the archive")
    for own, last in zip((archive.metadata_member, archive.manifest_member), records, strict=True):
        if last != own.record:
            raise BackupInvalid(f"{last.shown} is not described alike in its directory")
        _check_place(last, expected)
        expected = own.end
    if expected != archive.end.directory_at:
        raise BackupInvalid("there are bytes between its last member and its directory, or too few of them")


def _check_same_name(entry: Entry | None, record: Record) -> None:
    if entry is not None and entry.member.encode() == record.name:
        return
    try:
        name = record.name.decode()
    except UnicodeDecodeError as error:
        raise BackupInvalid(f"{record.name!r} is a name that is not UTF-8") from error
    if name in (MANIFEST_NAME, METADATA_NAME):
        raise BackupInvalid(f"it holds {name!r} twice")
    if entry is None:
        raise BackupInvalid(f"{name!r} is in the archive but not in {MANIFEST_NAME}")
    if order_of(name.rstrip("/")) < order_of(entry.path):
        raise BackupInvalid(f"{name!r} is in the archive but not in {MANIFEST_NAME}")
    if name.rstrip("/") == entry.path:
        raise BackupInvalid(f"{entry.path!r} is a {entry.kind} in {MANIFEST_NAME} and none in the archive")
    raise BackupInvalid(f"{entry.path!r} is in {MANIFEST_NAME} but not in the archive")


def check_order(entry: Entry, order: bytes, before: bytes, leaf: bool) -> None:
    """BackupInvalid unless the entry may come behind the one of order `before` (a `leaf` is no directory)."""
    if order == before:
        raise BackupInvalid(f"it holds {entry.path!r} twice")
    if order < before:
        raise BackupInvalid(f"{entry.path!r} is not in the order in which mobius writes")
    if leaf and order.startswith(before + b"\0"):
        parent = before.replace(b"\0", b"/").decode()
        raise BackupInvalid(
            f"it is not safe to extract: {entry.path!r} lies below {parent!r}, which is no directory"
        )


def _checked(reader: Reader, entry: Entry, record: Record, expected: int) -> Member:
    _check_place(record, expected)
    if record.size_bytes != entry.size_bytes:
        raise BackupInvalid(
            f"{entry.path!r} says it has {record.size_bytes} bytes, {MANIFEST_NAME} says {entry.size_bytes}"
        )
    folder = entry.kind == "directory"
    if record.attributes != (_TYPES[entry.kind] | entry.mode) << 16 | (0x10 if folder else 0):
        raise BackupInvalid(f"{entry.path!r} has another kind or mode in the archive than in {MANIFEST_NAME}")
    if folder and (record.packed or record.crc or record.method != STORED):
        raise BackupInvalid(f"{entry.path!r} is a directory and has content")
    plain = plain_extra(record)
    owner = _OWNER.pack(0x7875, 11, 1, 4, entry.uid, 4, entry.gid)
    seconds = entry.mtime_ns // 10**9
    times = _TIMES.pack(0x5455, 5, 1, seconds) if -(2**31) <= seconds < 2**31 else b""
    if plain not in (times + owner, owner + times):
        raise BackupInvalid(
            f"{entry.path!r} has another time or owner in the archive than in {MANIFEST_NAME}"
        )
    at = check_local_header(reader, record, plain)
    if entry.at not in (None, at) or entry.packed not in (None, record.packed):
        raise BackupInvalid(f"the content of {entry.path!r} is not where {MANIFEST_NAME} says")
    return Member(entry, record, at, end_of(reader, record, at))


def _check_place(record: Record, expected: int) -> None:
    if record.offset < expected:
        raise BackupInvalid(f"{record.shown} overlaps another member")
    if record.offset > expected:
        raise BackupInvalid(
            f"there are {record.offset - expected} bytes before {record.shown} that are no member's"
        )
