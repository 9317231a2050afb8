"""The bytes of a zip around the contents: local headers, directory records, descriptors and the end; no I/O."""

from __future__ import annotations

import functools
import stat
import struct
import time
from typing import NamedTuple

LIMIT_32 = 0xFFFFFFFF
LIMIT_16 = 0xFFFF
ENTRIES_LIMIT = 65_534
STORED, DEFLATED = 0, 8
# A chunked member's packed size is not known when its header is written; framing adds less than this.
CHUNKED_64_FROM = LIMIT_32 - (64 << 20)

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_DESCRIPTOR = struct.Struct("<4sIII")
_DESCRIPTOR_64 = struct.Struct("<4sIQQ")
_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64 = struct.Struct("<4sIQI")
_UT = struct.Struct("<HHBi")
_UX = struct.Struct("<HHBBIBI")
_UTF8 = 0x0800
_HAS_DESCRIPTOR = 0x0008
_MADE_BY = 3 << 8 | 45  # Unix: the upper half of the external attributes is the mode
_PLAIN, _ZIP64 = 20, 45


class Member(NamedTuple):
    """One member as its headers describe it. `mode` holds the type's bits, too; `chunked` has a descriptor behind."""

    name: bytes
    method: int
    crc32: int
    packed_bytes: int
    size_bytes: int
    mode: int
    mtime_ns: int
    uid: int
    gid: int
    chunked: bool = False


def local_header(member: Member) -> bytes:
    """What stands before the content. A chunked member's CRC and packed size may be anything yet."""
    seconds = member.mtime_ns // 1_000_000_000
    extra = _extra(seconds, member.uid, member.gid)
    crc32, packed, size = member.crc32, member.packed_bytes, member.size_bytes
    version, flags = _PLAIN, _UTF8
    if member.chunked:
        flags |= _HAS_DESCRIPTOR
        if _has_wide_descriptor(member):
            version = _ZIP64
            extra = struct.pack("<HHQQ", 1, 16, 0, 0) + extra
        crc32 = packed = size = 0
    moment, day = _dos_time(seconds)
    return (
        _LOCAL.pack(
            b"PK\x03\x04", version, flags, member.method, moment, day, crc32, packed, size,
            len(member.name), len(extra),
        )
        + member.name
        + extra
    )  # fmt: skip


def descriptor(member: Member) -> bytes:
    """What stands behind the content of a chunked member."""
    form = _DESCRIPTOR_64 if _has_wide_descriptor(member) else _DESCRIPTOR
    return form.pack(b"PK\x07\x08", member.crc32, member.packed_bytes, member.size_bytes)


def directory_record(member: Member, offset: int) -> bytes:
    """The member's record in the directory; `offset` is that of its local header."""
    seconds = member.mtime_ns // 1_000_000_000
    extra = _extra(seconds, member.uid, member.gid)
    values = (member.size_bytes, member.packed_bytes, offset)
    version = _ZIP64 if member.chunked and _has_wide_descriptor(member) else _PLAIN
    if max(values) >= LIMIT_32:
        wide = b"".join(struct.pack("<Q", value) for value in values if value >= LIMIT_32)
        extra = struct.pack("<HH", 1, len(wide)) + wide + extra
        version = _ZIP64
    moment, day = _dos_time(seconds)
    flags = _UTF8 | _HAS_DESCRIPTOR if member.chunked else _UTF8
    attributes = member.mode << 16 | (0x10 if stat.S_ISDIR(member.mode) else 0)
    return (
        _CENTRAL.pack(
            b"PK\x01\x02", _MADE_BY, version, flags, member.method, moment, day, member.crc32,
            min(member.packed_bytes, LIMIT_32), min(member.size_bytes, LIMIT_32),
            len(member.name), len(extra), 0, 0, 0, attributes, min(offset, LIMIT_32),
        )
        + member.name
        + extra
    )  # fmt: skip


def end_records(entries: int, directory_offset: int, directory_bytes: int) -> bytes:
    """What stands behind the directory: the ZIP64 records where a number needs them, then the end."""
    ends = b""
    if entries > ENTRIES_LIMIT or directory_offset >= LIMIT_32 or directory_bytes >= LIMIT_32:
        ends = _END_64.pack(
            b"PK\x06\x06", _END_64.size - 12, _MADE_BY, _ZIP64, 0, 0, entries, entries,
            directory_bytes, directory_offset,
        ) + _LOCATOR_64.pack(b"PK\x06\x07", 0, directory_offset + directory_bytes, 1)  # fmt: skip
    count = LIMIT_16 if entries > ENTRIES_LIMIT else entries
    return ends + _END.pack(
        b"PK\x05\x06", 0, 0, count, count, min(directory_bytes, LIMIT_32), min(directory_offset, LIMIT_32), 0
    )


def _has_wide_descriptor(member: Member) -> bool:
    return member.size_bytes >= CHUNKED_64_FROM


@functools.lru_cache(maxsize=256)
def _extra(seconds: int, uid: int, gid: int) -> bytes:
    """UT: the time in Unix seconds, where 32 bits hold it; ux: the owner's numbers."""
    time_field = _UT.pack(0x5455, 5, 1, seconds) if -(2**31) <= seconds < 2**31 else b""
    return time_field + _UX.pack(0x7875, 11, 1, 4, uid, 4, gid)


@functools.lru_cache(maxsize=256)
def _dos_time(seconds: int) -> tuple[int, int]:
    """The zip's own local time: from 1980 to 2107, in steps of two seconds."""
    local = time.localtime(min(max(seconds, 315_619_200), 4_354_732_800))
    day = (local.tm_year - 1980) << 9 | local.tm_mon << 5 | local.tm_mday
    return local.tm_hour << 11 | local.tm_min << 5 | local.tm_sec // 2, day
