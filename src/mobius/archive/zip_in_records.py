"""The fixed parts of a zip, as format 2 writes them and in no other way: end records, directory, headers."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from mobius.errors import BackupInvalid

CHUNK_BYTES = 1 << 20
CHUNK_TAIL = b"\x03\x00"  # the last block of a chunked member, an empty one
LARGE_BYTES = 0xFFFFFFFF - (64 << 20)  # from here on a chunked member's descriptor has 8-byte sizes
UTF8, DESCRIPTOR = 0x0800, 0x0008
STORED, DEFLATED = 0, 8
LOCAL = struct.Struct("<4s5H3I2H")
_RECORD = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_MAX16, MAX32 = 0xFFFF, 0xFFFFFFFF
_VERSIONS = (10, 20, 45)
_WINDOW_BYTES = 256 << 10
_RECORD_LIMIT_BYTES = _RECORD.size + 2 * _MAX16


class Reader:
    """Reads one open file at offsets, from any thread; never past what was its end when it was opened."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._fd = file.fileno()
        self._lock = threading.Lock()
        self.size_bytes = os.fstat(self._fd).st_size

    def at(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes from `offset`; BackupInvalid when the file is shorter."""
        if not 0 <= offset <= offset + size <= self.size_bytes:
            raise BackupInvalid(f"it is damaged: bytes {offset} to {offset + size} are not in the file")
        found = self.some(offset, size)
        while len(found) < size:
            more = self.some(offset + len(found), size - len(found))
            if not more:
                raise BackupInvalid(f"it is truncated: it ends at byte {offset + len(found)}")
            found += more
        return found

    def some(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes; fewer near the end, none at it."""
        if hasattr(os, "pread"):
            return os.pread(self._fd, size, offset)
        with self._lock:
            os.lseek(self._fd, offset, os.SEEK_SET)
            return os.read(self._fd, size)


class End(NamedTuple):
    """Where the directory is, and how many members it names."""

    members: int
    directory_at: int
    directory_end: int


class Record(NamedTuple):
    """One member as the directory describes it; `twin` are the bytes that its local header must repeat."""

    name: bytes
    twin: bytes
    extra: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size_bytes: int
    offset: int
    attributes: int
    zip64: bytes

    @property
    def chunked(self) -> bool:
        return bool(self.flags & DESCRIPTOR)

    @property
    def shown(self) -> str:
        """The name for a message."""
        return repr(self.name.decode("utf-8", "replace"))


def read_end(reader: Reader) -> End:
    """The end record (and its ZIP64 part) at the very end of the file. BackupInvalid when it is not there, says that
    there are more disks, has a comment, or leaves bytes between itself and the directory."""
    at = reader.size_bytes - _END.size
    raw = reader.at(at, _END.size) if at >= 0 else b""
    if not raw.startswith(b"PK\x05\x06"):
        begin = max(0, reader.size_bytes - _END.size - _MAX16)
        tail = reader.at(begin, reader.size_bytes - begin)
        if 0 <= tail.rfind(b"PK\x05\x06") <= len(tail) - _END.size:
            raise BackupInvalid("it has a comment, or bytes behind its end record")
        raise BackupInvalid("it is truncated: its end is missing")
    _, disk, first_disk, here, members, size, offset, comment = _END.unpack(raw)
    if comment:
        raise BackupInvalid("it has a comment, or bytes behind its end record")
    if disk or first_disk or here != members:
        raise BackupInvalid("it says that it is one of several disks")
    end = End(members, offset, offset + size)
    big = _read_end64(reader, at)
    if big is not None:
        end, at = _agreed(end, *big), big[1]
    elif _MAX16 in (members,) or MAX32 in (size, offset):
        raise BackupInvalid("its ZIP64 end record is missing")
    if end.directory_end != at:
        raise BackupInvalid("there are bytes between its directory and its end record, or too few of them")
    return end


def _read_end64(reader: Reader, end_at: int) -> tuple[End, int] | None:
    """The ZIP64 end record before the end record at `end_at`, and its own offset; None when there is none."""
    at = end_at - _LOCATOR.size
    raw = reader.at(at, _LOCATOR.size) if at >= 0 else b""
    if not raw.startswith(b"PK\x06\x07"):
        return None
    _, disk, place, disks = _LOCATOR.unpack(raw)
    if disk or disks != 1 or place != at - _END64.size or place < 0:
        raise BackupInvalid("its ZIP64 locator does not lead to the record before it")
    raw = reader.at(place, _END64.size)
    signature, length, made, needed, here_disk, first_disk, here, members, size, offset = _END64.unpack(raw)
    if signature != b"PK\x06\x06" or length != _END64.size - 12:
        raise BackupInvalid("its ZIP64 end record is damaged")
    if here_disk or first_disk or here != members:
        raise BackupInvalid("it says that it is one of several disks")
    if made >> 8 != 3 or needed != 45:
        raise BackupInvalid("its ZIP64 end record is not one that mobius writes")
    if members < _MAX16 and size < MAX32 and offset < MAX32:
        raise BackupInvalid("it has a ZIP64 end record and needs none")
    return End(members, offset, offset + size), place


def _agreed(small: End, big: End, _: int) -> End:
    """What does not fit into the small record is all ones there; the rest says the same in both."""
    size, small_size = big.directory_end - big.directory_at, small.directory_end - small.directory_at
    pairs = (
        (small.members, big.members, _MAX16),
        (small_size, size, MAX32),
        (small.directory_at, big.directory_at, MAX32),
    )
    if any(said not in ((full,) if value >= full else (full, value)) for said, value, full in pairs):
        raise BackupInvalid("its two end records do not say the same")
    return big


def read_directory(reader: Reader, end: End) -> Iterator[Record]:
    """Every record of the directory in order, each checked by itself; in memory only a window of them."""
    held, place, offset = b"", 0, end.directory_at
    for number in range(1, end.members + 1):
        if len(held) - place < _RECORD_LIMIT_BYTES and offset < end.directory_end:
            more = reader.at(offset, min(_WINDOW_BYTES, end.directory_end - offset))
            held, place, offset = held[place:] + more, 0, offset + len(more)
        record, place = parse_record(held, place, number)
        yield record
    if offset != end.directory_end or place != len(held):
        raise BackupInvalid("its directory holds more than the members that its end record counts")


def parse_record(held: bytes, place: int, number: int) -> tuple[Record, int]:
    """The record at `place`, and where the next begins. `number` is for messages: the how-manieth it is."""
    body = place + _RECORD.size
    if len(held) < body or held[place : place + 4] != b"PK\x01\x02":
        raise BackupInvalid(f"record {number} of its directory is damaged")
    (_, made, needed, flags, method, _, _, crc, packed, size, name_bytes, extra_bytes, comment, disk, internal,
     attributes, offset) = _RECORD.unpack_from(held, place)  # fmt: skip
    after = body + name_bytes + extra_bytes
    if after > len(held):
        raise BackupInvalid(f"record {number} of its directory is damaged")
    name = held[body : body + name_bytes]
    extra = held[body + name_bytes : after]
    zip64 = b""
    if MAX32 in (packed, size, offset):
        size, packed, offset, zip64 = _widened(name, size, packed, offset, extra)
    record = Record(
        name, held[place + 6 : place + 32], extra, flags, method, crc, packed, size, offset, attributes, zip64
    )
    if flags & ~DESCRIPTOR != UTF8 or method not in (STORED, DEFLATED):
        raise BackupInvalid(f"{record.shown} is encrypted or packed in a way mobius never writes")
    if made >> 8 != 3 or needed not in _VERSIONS or comment or disk or internal:
        raise BackupInvalid(f"{record.shown} is described in the directory as mobius never does")
    if record.chunked != (size > CHUNK_BYTES) or (record.chunked and method != DEFLATED):
        raise BackupInvalid(f"{record.shown} is not packed in the way of its size, {size} bytes")
    if method == STORED and packed != size:
        raise BackupInvalid(f"{record.shown} is stored, but in {packed} bytes instead of {size}")
    return record, after


def _widened(name: bytes, size: int, packed: int, offset: int, extra: bytes) -> tuple[int, int, int, bytes]:
    """The values that need 8 bytes each, from the extra field that holds exactly those."""
    wanted = [value == MAX32 for value in (size, packed, offset)]
    block = struct.pack("<HH", 1, 8 * sum(wanted))
    length = len(block) + 8 * sum(wanted)
    zip64 = next((part for part in (extra[:length], extra[-length:]) if part.startswith(block)), b"")
    if len(zip64) != length:
        raise BackupInvalid(f"{name.decode('utf-8', 'replace')!r} has no ZIP64 field, and needs one")
    values = iter(struct.unpack_from(f"<{sum(wanted)}Q", zip64, len(block)))
    size, packed, offset = (
        next(values) if wide else value for wide, value in zip(wanted, (size, packed, offset), strict=True)
    )
    if any(wide and value < MAX32 for wide, value in zip(wanted, (size, packed, offset), strict=True)):
        raise BackupInvalid(f"{name.decode('utf-8', 'replace')!r} has a ZIP64 field and needs none")
    return size, packed, offset, zip64


def check_local_header(reader: Reader, record: Record, plain: bytes) -> int:
    """Compare the local header with the directory's record; some programs believe the one, some the other.

    `plain` is the extra field without ZIP64. Returns where the data begins. BackupInvalid names the member.
    """
    large = record.chunked and record.size_bytes >= LARGE_BYTES
    extra_bytes = len(plain) + (20 if large else 0)
    length = LOCAL.size + len(record.name) + extra_bytes
    raw = reader.at(record.offset, length)
    if not record.chunked and not record.zip64 and raw == b"PK\x03\x04" + record.twin + record.name + plain:
        return record.offset + length
    if not raw.startswith(b"PK\x03\x04"):
        raise BackupInvalid(f"{record.shown} has no local header at byte {record.offset}")
    _, needed, flags, method, time, date, crc, packed, size, name_bytes, extra_there = LOCAL.unpack_from(raw)
    name_at = LOCAL.size
    if (
        name_bytes != len(record.name)
        or raw[name_at : name_at + name_bytes] != record.name
        or extra_there != extra_bytes
    ):
        raise BackupInvalid(f"{record.shown} has another name or other fields in its local header")
    expected = (0, 0, 0) if record.chunked else (record.crc, record.packed, record.size_bytes)
    sizes = {expected, (0, MAX32, MAX32)} if large else {expected}
    alike = (flags, method) == (record.flags, record.method) and struct.pack(
        "<2H", time, date
    ) == record.twin[6:10]
    versions = (record.twin[:2] == needed.to_bytes(2, "little")) or (record.zip64 and needed in _VERSIONS)
    if not alike or (crc, packed, size) not in sizes or not versions or (large and needed != 45):
        raise BackupInvalid(f"{record.shown} is not described alike in its local header")
    zeros = struct.pack("<HHQQ", 1, 16, 0, 0)
    extra = raw[name_at + name_bytes :]
    if extra not in ((zeros + plain, plain + zeros) if large else (plain,)):
        raise BackupInvalid(f"{record.shown} has other fields in its local header")
    return record.offset + length


def end_of(reader: Reader, record: Record, at: int) -> int:
    """Where a member ends whose data begins at `at`: behind its data, or behind its descriptor, which is checked."""
    end = at + record.packed
    if not record.chunked:
        return end
    wide = record.size_bytes >= LARGE_BYTES
    expected = struct.pack(
        "<4sIQQ" if wide else "<4sIII", b"PK\x07\x08", record.crc, record.packed, record.size_bytes
    )
    if reader.at(end, len(expected)) != expected:
        raise BackupInvalid(f"{record.shown} has a damaged descriptor at byte {end}")
    return end + len(expected)
