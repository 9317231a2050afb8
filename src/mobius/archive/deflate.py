"""Raw deflate, by ISA-L where it is installed and by zlib elsewhere: whole contents, and chunks that stand alone."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

CHUNK_BYTES = 1 << 20
END_OF_CHUNKS = b"\x03\x00"  # an empty last block: after the chunks, the member is one deflate stream

_RAW = -zlib.MAX_WBITS
_STORED_BLOCK_BYTES = 0xFFFF
_SAMPLE_BYTES = 4096
_SAMPLED_FROM_BYTES = 32 << 10  # below, trying costs no more than sampling
_WORTH_IT = 0.97

Buffer = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Engine:
    """What deflates and sums here; every call on more than some kilobytes lets other threads run meanwhile."""

    name: str
    level: int
    compressobj: Callable[..., Any]
    compress: Callable[..., bytes]
    crc32: Callable[[Buffer], int]
    combine_crc32: Callable[[int, int, int], int]

    def whole(self, content: Buffer) -> bytes | None:
        """`content` as one deflate stream, or None where that would not be smaller."""
        if len(content) > _SAMPLED_FROM_BYTES and not self._worth_it(content):
            return None
        packed = self.compress(content, self.level, _RAW)
        return packed if len(packed) < len(content) else None

    def chunk(self, content: Buffer) -> bytes:
        """`content` as deflate blocks that need nothing before them, end on a byte and are not the last."""
        if self._worth_it(content):
            packer = self.compressobj(self.level, zlib.DEFLATED, _RAW)
            packed: bytes = packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH)
            if len(packed) < len(content):
                return packed
        return stored_blocks(content)

    def _worth_it(self, content: Buffer) -> bool:
        """Whether three samples shrink: pictures, films and archives only cost time when deflated again."""
        last = len(content) - _SAMPLE_BYTES
        if last < _SAMPLE_BYTES:
            return True
        view = memoryview(content)
        sample = b"".join(view[at : at + _SAMPLE_BYTES] for at in (0, last // 2, last))
        return len(self.compress(sample, 1, _RAW)) < _WORTH_IT * len(sample)


def engine() -> Engine:
    """The fastest engine that is installed here."""
    try:
        from isal import isal_zlib
    except ImportError:
        return Engine(
            # Up to 1.7 times as fast as the usual 6, for one to four parts in a hundred of the size.
            "zlib", 4, zlib.compressobj, zlib.compress, zlib.crc32, combined_crc32
        )  # fmt: skip
    # Levels 1 to 3 differ by a few parts in a hundred: docs/decisions/0021-a-strict-zip.md.
    return Engine(
        "isal", 2, isal_zlib.compressobj, isal_zlib.compress, isal_zlib.crc32, isal_zlib.crc32_combine
    )


def stored_blocks(content: Buffer) -> bytes:
    """`content` in deflate blocks that only frame it: five bytes for each 64 KiB."""
    view = memoryview(content)
    pieces: list[Buffer] = []
    for at in range(0, len(view), _STORED_BLOCK_BYTES):
        piece = view[at : at + _STORED_BLOCK_BYTES]
        size = len(piece).to_bytes(2, "little")
        pieces += [b"\x00" + size + (len(piece) ^ 0xFFFF).to_bytes(2, "little"), piece]
    return b"".join(pieces)


def combined_crc32(first: int, second: int, second_bytes: int) -> int:
    """The CRC-32 of two contents, one behind the other, from theirs (as zlib's `crc32_combine`)."""
    # Appending a zero byte is a linear map of the 32 bits; it is squared for each binary digit of the length.
    grown, step = first, _ONE_ZERO_BYTE
    while second_bytes:
        if second_bytes & 1:
            grown = _applied(step, grown)
        second_bytes >>= 1
        if second_bytes:
            step = tuple(_applied(step, column) for column in step)
    return grown ^ second


def _applied(matrix: tuple[int, ...], vector: int) -> int:
    total = 0
    for column in matrix:
        if not vector:
            break
        if vector & 1:
            total ^= column
        vector >>= 1
    return total


def _after_a_zero_byte(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
    return value


_ONE_ZERO_BYTE = tuple(_after_a_zero_byte(1 << bit) for bit in range(32))
