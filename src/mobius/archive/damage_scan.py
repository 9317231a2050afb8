"""Reading an archive whose directory or manifest is lost: from one local header to the next, by CRC-32 alone."""

from __future__ import annotations

from collections.abc import Iterator

from mobius.archive.zip_in import Own
from mobius.archive.zip_in_content import Damage
from mobius.archive.zip_in_inflate import engine
from mobius.archive.zip_in_lines import MANIFEST_NAME, METADATA_NAME
from mobius.archive.zip_in_records import DEFLATED, DESCRIPTOR, LOCAL, STORED, UTF8, Reader, Record
from mobius.errors import BackupInvalid

_STEP_BYTES = 1 << 20
_HEADER = b"PK\x03\x04"


def find_manifest(reader: Reader) -> Own:
    """The manifest by its local header, looked for from the end. BackupInvalid when there is none."""
    name = MANIFEST_NAME.encode()
    end = reader.size_bytes
    while end > 0:
        start = max(0, end - _STEP_BYTES)
        held = reader.at(start, min(reader.size_bytes, end + LOCAL.size + len(name)) - start)
        place = len(held)
        while (place := held.rfind(_HEADER, 0, place)) >= 0:
            if held[place + LOCAL.size : place + LOCAL.size + len(name)] == name:
                found = _manifest_at(reader, start + place)
                if found is not None:
                    return found
        end = start
    raise BackupInvalid(f"it holds no {MANIFEST_NAME} that can be read")


def _manifest_at(reader: Reader, offset: int) -> Own | None:
    header = _header_at(reader, offset)
    if header is None or header.name != MANIFEST_NAME.encode():
        return None
    at = offset + header.length
    if not header.flags & DESCRIPTOR:
        record = header.record(offset)
        return Own(record, at, at + record.packed)
    size, crc, end = _inflated(reader, at)
    if end is None:
        return None
    record = Record(header.name, b"", b"", header.flags, DEFLATED, crc, end - at, size, offset, 0, b"")
    return Own(record, at, end)


class _Header:
    """A local header that could be one of ours."""

    def __init__(self, raw: bytes, name: bytes) -> None:
        (
            _,
            _,
            self.flags,
            self.method,
            _,
            _,
            self.crc,
            self.packed,
            self.size_bytes,
            name_bytes,
            extra_bytes,
        ) = LOCAL.unpack(raw)
        self.name = name
        self.length = LOCAL.size + name_bytes + extra_bytes

    def record(self, offset: int) -> Record:
        return Record(
            self.name,
            b"",
            b"",
            self.flags,
            self.method,
            self.crc,
            self.packed,
            self.size_bytes,
            offset,
            0,
            b"",
        )


def _header_at(reader: Reader, offset: int) -> _Header | None:
    raw = reader.some(offset, LOCAL.size)
    if len(raw) < LOCAL.size or not raw.startswith(_HEADER):
        return None
    name = reader.some(offset + LOCAL.size, int.from_bytes(raw[26:28], "little"))
    header = _Header(raw, name)
    try:
        name.decode()
    except UnicodeDecodeError:
        return None
    ours = header.flags & ~DESCRIPTOR == UTF8 and header.method in (STORED, DEFLATED) and b"\0" not in name
    return header if ours and name else None


def scanned(reader: Reader, offset: int) -> Iterator[tuple[str, Damage | None]]:
    """(path, what is wrong with it) for each member from `offset` on; what has no readable header is passed over."""
    while True:
        header = _header_at(reader, offset)
        if header is None:
            offset = _next_header(reader, offset)
            if offset < 0:
                return
            continue
        path = header.name.decode().rstrip("/")
        at = offset + header.length
        if path in (MANIFEST_NAME, METADATA_NAME):
            offset = at
            continue
        after, damage = _judged(reader, header, path, at)
        yield path, damage
        offset = after


def _judged(reader: Reader, header: _Header, path: str, at: int) -> tuple[int, Damage | None]:
    """Where the member ends (or where to look on), and its damage."""
    if header.flags & DESCRIPTOR:
        size, crc, end = _inflated(reader, at)
        if end is None:
            return at, Damage(path, size, 0, at, 0, "it cannot be unpacked from there on")
        raw = reader.some(end, 16)
        if raw[:8] == b"PK\x07\x08" + crc.to_bytes(4, "little"):
            return end + 16, None
        return end, Damage(path, 0, size, at, end - at, "its CRC-32 is not that of its descriptor")
    lost = Damage(path, 0, header.size_bytes, at, header.packed, "its CRC-32 is not that of its local header")
    data = reader.some(at, header.packed)
    if len(data) < header.packed:
        return at, Damage(path, 0, header.size_bytes, at, header.packed, "the archive ends before it does")
    if header.method == STORED:
        good = engine().crc32(data) == header.crc
    else:
        size, crc, end = _inflated(reader, at)
        good = end == at + header.packed and crc == header.crc and size == header.size_bytes
    return (at + header.packed, None) if good else (at, lost)


def _inflated(reader: Reader, at: int) -> tuple[int, int, int | None]:
    """Unpack from `at` to the end of the stream: size, CRC-32 and where it ends (None when it is broken before)."""
    used = engine()
    stream = used.new()
    size = crc = 0
    place = at
    packed = b""
    while not stream.eof:
        if not packed:
            packed = reader.some(place, 64 << 10)
            place += len(packed)
            if not packed:
                return size, crc, None
        try:
            content = stream.decompress(packed, 256 << 10)
        except used.error:
            return size, crc, None
        packed = stream.unconsumed_tail
        crc = used.crc32(content, crc)
        size += len(content)
    return size, crc, place - len(stream.unused_data) - len(packed)


def _next_header(reader: Reader, offset: int) -> int:
    """The next signature of a local header behind `offset`; -1 when there is none."""
    at = offset + 1
    while held := reader.some(at, _STEP_BYTES):
        place = held.find(_HEADER)
        if place >= 0:
            return at + place
        if len(held) < len(_HEADER):
            return -1
        at += len(held) - (len(_HEADER) - 1)
    return -1
