"""Finding out what of a damaged backup is lost and what is whole, by file and byte offset."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mobius.archive.damage_scan import find_manifest, scanned
from mobius.archive.verify import named, opened_file
from mobius.archive.zip_in import Archive, Member, content_of_own, open_archive, walk
from mobius.archive.zip_in_content import (
    UNKNOWN_CRC,
    Chunk,
    Damage,
    Damaged,
    Work,
    in_parallel,
    prove_chunk,
    prove_whole,
    works_of,
)
from mobius.archive.zip_in_lines import MANIFEST_NAME, Entry, read_lines
from mobius.archive.zip_in_records import (
    CHUNK_BYTES,
    DEFLATED,
    DESCRIPTOR,
    LARGE_BYTES,
    LOCAL,
    STORED,
    UTF8,
    Reader,
    Record,
)
from mobius.errors import BackupInvalid

_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Survey:
    """What is lost and what is whole.

    `damaged` names each lost piece (the first thousand). `whole` counts the paths that hold, `lost` those that do not.
    `by_hash` says that each was compared with its SHA-256; without a readable manifest only CRC-32 could vouch.
    """

    damaged: tuple[Damage, ...]
    whole: int
    lost: int
    by_hash: bool


def survey(path: Path, *, on_whole: Callable[[str], None] | None = None) -> Survey:
    """Read all that can be read of a backup, damaged or not, without its checksum. `on_whole` gets each whole path.

    Raises BackupInvalid only when the file is missing or cannot be read at all.
    """
    with named(path), opened_file(path) as file:
        return survey_of(Reader(file), on_whole=on_whole)


def survey_of(
    reader: Reader, *, limit: int = _LIMIT, on_whole: Callable[[str], None] | None = None
) -> Survey:
    """`survey` of an open file, that remembers no more than `limit` damages."""
    found = _Found(limit, on_whole)
    seen = _Seen()
    for work, result in _proven(reader, _members(reader, seen)):
        found.take(work, result)
    found.end_file()
    if seen.problem:
        found.add(Damage("", 0, 0, seen.end, reader.size_bytes - seen.end, seen.problem))
        for name, damage in scanned(reader, seen.end):
            found.count(name, damage)
    elif not found.damaged and (problem := _why_not_sound(reader)):
        found.add(Damage("", 0, 0, 0, reader.size_bytes, problem))
    return Survey(tuple(found.damaged), found.whole, found.lost, by_hash=not seen.problem)


@dataclass(slots=True)
class _Seen:
    """How far the manifest could be followed: where its last readable member ends, and what is wrong then."""

    end: int = 0
    problem: str = ""


@dataclass(slots=True)
class _Found:
    limit: int
    on_whole: Callable[[str], None] | None
    damaged: list[Damage] = field(default_factory=list)
    whole: int = 0
    lost: int = 0
    _file: str = ""
    _holds: bool = True

    def add(self, damage: Damage) -> None:
        if len(self.damaged) < self.limit:
            self.damaged.append(damage)

    def count(self, path: str, damage: Damage | None) -> None:
        if damage is not None:
            self.add(damage)
            self.lost += 1
            return
        self.whole += 1
        if self.on_whole:
            self.on_whole(path)

    def take(self, work: Work, result: list[tuple[str, Damage | None]]) -> None:
        """Whole members come with a result each; of a chunked one, all chunks must hold."""
        if not isinstance(work, Chunk):
            self.end_file()
            for path, damage in result:
                self.count(path, damage)
            return
        if self._file != work.member.entry.path:
            self.end_file()
            self._file, self._holds = work.member.entry.path, True
        for _, damage in result:
            if damage is not None:
                self.add(damage)
                self._holds = False

    def end_file(self) -> None:
        if not self._file:
            return
        if self._holds:
            self.count(self._file, None)
        else:
            self.lost += 1
        self._file = ""


def _proven(
    reader: Reader, members: Iterable[Member]
) -> Generator[tuple[Work, list[tuple[str, Damage | None]]]]:
    def prove(work: Work) -> list[tuple[str, Damage | None]]:
        if isinstance(work, Chunk):
            return [(work.member.entry.path, _damage_of_chunk(reader, work))]
        return [(member.entry.path, damage_of_whole(reader, member)) for member in work.members]

    with contextlib.closing(in_parallel(works_of(members, folders=True), prove)) as results:
        yield from results


def _damage_of_chunk(reader: Reader, work: Chunk) -> Damage | None:
    try:
        prove_chunk(reader, work)
    except Damaged as error:
        return error.damage
    except BackupInvalid as error:
        return Damage(
            work.member.entry.path, work.offset, work.size_bytes, work.at, work.packed, error.message
        )
    return None


def damage_of_whole(reader: Reader, member: Member) -> Damage | None:
    """What is wrong with a member that is not chunked."""
    entry = member.entry
    if entry.kind == "directory":
        return None
    try:
        prove_whole(member, reader.at(member.at, member.record.packed))
    except Damaged as error:
        return error.damage
    except BackupInvalid as error:
        return Damage(entry.path, 0, entry.size_bytes, member.at, member.record.packed, error.message)
    return None


def _members(reader: Reader, seen: _Seen) -> Iterator[Member]:
    try:
        for entry in readable_entries(reader):
            member = member_by_manifest(reader, entry)
            seen.end = max(seen.end, member.end)
            yield member
    except BackupInvalid as error:
        seen.problem = error.message


def readable_entries(reader: Reader) -> Iterator[Entry]:
    """What the manifest names, found by the directory, or by looking for it where that is lost."""
    try:
        entries: Iterator[Entry] = open_archive(reader).entries()
    except BackupInvalid:
        own = find_manifest(reader)
        entries = read_lines(content_of_own(reader, own, MANIFEST_NAME))
    return entries


def member_by_manifest(reader: Reader, entry: Entry) -> Member:
    """Where an entry's content is, by what the manifest says alone: neither directory nor local header is needed."""
    packed, at = entry.packed or 0, entry.at or 0
    chunked = entry.size_bytes > CHUNK_BYTES
    flags = UTF8 | (DESCRIPTOR if chunked else 0)
    method = DEFLATED if chunked or packed != entry.size_bytes else _method_there(reader, entry, at)
    record = Record(
        entry.member.encode(), b"", b"", flags, method, UNKNOWN_CRC, packed, entry.size_bytes, at, 0, b""
    )
    tail = 0 if not chunked else 24 if entry.size_bytes >= LARGE_BYTES else 16
    return Member(entry, record, at, at + packed + tail)


def _method_there(reader: Reader, entry: Entry, at: int) -> int:
    """Stored, unless the local header says that deflating made the content neither smaller nor larger."""
    name = entry.path.encode()
    for extra in (24, 15):
        start = at - LOCAL.size - len(name) - extra
        raw = reader.some(start, LOCAL.size + len(name)) if start >= 0 else b""
        if raw.startswith(b"PK\x03\x04") and raw.endswith(name):
            return int.from_bytes(raw[8:10], "little")
    return STORED


def _why_not_sound(reader: Reader) -> str:
    """What is wrong with an archive whose content holds: headers, directory or end records."""
    try:
        archive: Archive = open_archive(reader)
        for _ in walk(archive):
            pass
    except BackupInvalid as error:
        return error.message
    return ""
