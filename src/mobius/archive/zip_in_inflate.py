"""Unpacking one piece of an archive in bounded memory: by isal where it is installed, else by zlib."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, cast

from mobius.archive.zip_in_records import CHUNK_TAIL
from mobius.errors import BackupInvalid


class Engine(NamedTuple):
    """Who unpacks: a raw-deflate decompressor, a CRC-32, and what the first raises on bytes that are no deflate."""

    new: Callable[[], Any]
    crc32: Callable[..., int]
    error: type[Exception]


@functools.cache
def engine() -> Engine:
    """Loaded at the first use: a command that reads no archive loads nothing."""
    try:
        from isal import isal_zlib
    except ImportError:
        return Engine(lambda: zlib.decompressobj(-15), zlib.crc32, zlib.error)
    broken = cast("type[Exception]", isal_zlib.error)
    return Engine(lambda: isal_zlib.decompressobj(-15), isal_zlib.crc32, broken)


def inflate_whole(data: bytes | memoryview, size: int) -> bytes:
    """One deflate stream that holds exactly `size` bytes; BackupInvalid for anything else. Never yields more."""
    return _exactly(data, size, b"")


def inflate_chunk(data: bytes | memoryview, size: int) -> bytes:
    """One chunk: deflate blocks on a byte boundary that hold exactly `size` bytes and no end of the stream."""
    return _exactly(data, size, CHUNK_TAIL)


def _exactly(data: bytes | memoryview, size: int, tail: bytes) -> bytes:
    used = engine()
    stream = used.new()
    try:
        content: bytes = stream.decompress(data, size + 1)
        if tail and stream.eof:
            raise BackupInvalid("its packed bytes end too early")
        if tail and len(content) <= size and not stream.unconsumed_tail:
            content += stream.decompress(tail, 1)
    except used.error as error:
        raise BackupInvalid(f"it cannot be unpacked ({error})") from error
    if len(content) != size:
        more = "more than" if len(content) > size else f"{len(content)} instead of"
        raise BackupInvalid(f"it unpacks to {more} {size} bytes")
    if not stream.eof or stream.unused_data or stream.unconsumed_tail:
        raise BackupInvalid("its packed bytes do not end where they should")
    return content


def inflate_stream(pieces: Iterable[bytes], limit_bytes: int) -> Iterator[bytes]:
    """Unpack a stream whose content nobody chose the size of, in pieces; BackupInvalid past `limit_bytes`."""
    used = engine()
    stream = used.new()
    left = limit_bytes
    for packed in pieces:
        while packed:
            if stream.eof:
                raise BackupInvalid("its packed bytes do not end where they should")
            try:
                content = stream.decompress(packed, 256 << 10)
            except used.error as error:
                raise BackupInvalid(f"it cannot be unpacked ({error})") from error
            left -= len(content)
            if left < 0:
                raise BackupInvalid(f"it unpacks to more than {limit_bytes} bytes")
            if content:
                yield content
            if stream.unused_data:
                raise BackupInvalid("its packed bytes do not end where they should")
            packed = stream.unconsumed_tail
    while not stream.eof:
        try:
            content = stream.decompress(b"", 256 << 10)
        except used.error as error:
            raise BackupInvalid(f"it cannot be unpacked ({error})") from error
        if not content:
            break
        left -= len(content)
        yield content
    if not stream.eof or left:
        raise BackupInvalid(f"it unpacks to {limit_bytes - left} instead of {limit_bytes} bytes")


def crc_joined(first: int, second: int, second_bytes: int) -> int:
    """The CRC-32 of two pieces one after the other, from that of each."""
    matrix = _shift(second_bytes)
    return _times(matrix, first) ^ second


@functools.lru_cache(maxsize=64)
def _shift(size: int) -> tuple[int, ...]:
    """The 32x32 matrix over GF(2) that moves a CRC past `size` zero bytes."""
    power: tuple[int, ...] = (0xEDB88320, *(1 << bit for bit in range(31)))  # one zero bit
    for _ in range(3):
        power = _squared(power)
    result: tuple[int, ...] = tuple(1 << bit for bit in range(32))
    while size:
        if size & 1:
            result = tuple(_times(power, column) for column in result)
        power = _squared(power)
        size >>= 1
    return result


def _squared(matrix: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(_times(matrix, column) for column in matrix)


def _times(matrix: tuple[int, ...], vector: int) -> int:
    total = 0
    for column in matrix:
        if vector & 1:
            total ^= column
        vector >>= 1
    return total
