"""An archive that is not a file: anything that gives bytes at an offset, such as an object in a store."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from mobius.archive.zip_in_records import Reader

BLOCK_BYTES = 1 << 20
BLOCKS = 16


class ReaderAt(Reader):
    """Asks `read(offset, length)` for whole blocks of 1 MiB, and keeps the last sixteen: a directory is read in small
    steps, and each would be a journey. `read_bytes` is what was asked for so far."""

    def __init__(self, read: Callable[[int, int], bytes], size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.read_bytes = 0
        self._read = read
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def some(self, offset: int, size: int) -> bytes:
        found = bytearray()
        while len(found) < size and offset + len(found) < self.size_bytes:
            at = offset + len(found)
            block = self._block(at // BLOCK_BYTES)
            start = at % BLOCK_BYTES
            more = block[start : start + size - len(found)]
            if not more:  # shorter than it was
                break
            found += more
        return bytes(found)

    def _block(self, number: int) -> bytes:
        with self._lock:
            if number in self._blocks:
                self._blocks.move_to_end(number)
                return self._blocks[number]
        start = number * BLOCK_BYTES
        block = self._read(start, min(BLOCK_BYTES, self.size_bytes - start))
        with self._lock:
            self.read_bytes += len(block)
            self._blocks[number] = block
            while len(self._blocks) > BLOCKS:
                self._blocks.popitem(last=False)
        return block
