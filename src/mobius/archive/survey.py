"""What the walk found, kept in a file without a name until it is packed, with its totals."""

from __future__ import annotations

import contextlib
import heapq
import marshal
from collections.abc import Iterator, Sequence
from pathlib import Path

from mobius.archive.manifest import Source
from mobius.archive.tree import Found, Skipped, walk
from mobius.archive.zip_out_file import spool

_BLOCK = 1024
_DATABASES_AHEAD = 1000


class Survey:
    """The paths of some sources, in order and countless; `size_bytes` is what the files hold, `allocated_bytes` what
    they take on disk. `databases` are the first thousand of them: those worth capturing ahead."""

    def __init__(self, sources: Sequence[Source], folder: Path) -> None:
        self._closing = contextlib.ExitStack()
        self._spool = spool(folder, self._closing)
        self.skipped: list[Skipped] = []
        self.databases: list[Found] = []
        self.paths = self.size_bytes = self.allocated_bytes = 0
        self._largest: list[int] = []
        try:
            self._fill(sources)
        except BaseException:
            self.close()
            raise

    @property
    def scratch_bytes(self) -> int:
        """The two largest databases: one copy is packed while the next is made."""
        return sum(self._largest)

    def found(self) -> Iterator[Found]:
        """All of it, in the archive's order."""
        self._spool.seek(0)
        while block := marshal.load(self._spool):
            yield from map(Found._make, block)

    def close(self) -> None:
        self._closing.close()

    def _fill(self, sources: Sequence[Source]) -> None:
        block: list[tuple[object, ...]] = []
        for each in walk(sources):
            if isinstance(each, Skipped):
                self.skipped.append(each)
                continue
            self.paths += 1
            if each.kind == "file":
                self.size_bytes += each.size_bytes
                self.allocated_bytes += each.allocated_bytes
            if each.database:
                self._largest = heapq.nlargest(2, [*self._largest, each.size_bytes])
                if len(self.databases) < _DATABASES_AHEAD:
                    self.databases.append(each)
            block.append(tuple(each))
            if len(block) == _BLOCK:
                marshal.dump(block, self._spool)
                block = []
        if block:
            marshal.dump(block, self._spool)
        marshal.dump([], self._spool)
