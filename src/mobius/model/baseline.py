"""What the previous release did before the deployment: the measure that a new one is held against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest


@dataclass(frozen=True, slots=True)
class Block:
    """Requests of a short time, one after the other: how many, how many failed, and the times of the answered ones by
    bucket, each 25 % above the last (`mobius.model.sample.HISTOGRAM_EDGES_MS`, or any other edges that grow so)."""

    requests: int
    errors: int
    histogram: tuple[int, ...] = ()


@dataclass(frozen=True)
class Baseline:
    """Blocks of `block_s` seconds each, oldest first, and everything there is: `total` may reach further back, or show
    what is usual at this hour. `known_by`: where it is from, in words ("its last hour"). `hours`: the blocks of single
    hours of the day before, where `blocks` are of less: what comes a few times an hour may have spared the last one."""

    blocks: tuple[Block, ...]
    block_s: float
    total: Block
    known_by: str = ""
    hours: tuple[tuple[Block, ...], ...] = ()

    @classmethod
    def of(cls, blocks: Iterable[Block], block_s: float, known_by: str = "") -> Baseline:
        """With the sum of these blocks as the total."""
        there = tuple(blocks)
        return cls(there, block_s, added(there), known_by)

    @cached_property
    def minutes(self) -> tuple[Block, ...]:
        """The blocks, put together to minutes; as they are where they are longer. What is left over is not there."""
        return self.grouped(max(1, round(60.0 / self.block_s)))

    def grouped(self, size: int) -> tuple[Block, ...]:
        """Every `size` blocks as one; what is left over at the beginning is not there."""
        if size <= 1:
            return self.blocks
        first = len(self.blocks) % size
        starts = range(first, len(self.blocks), size)
        return tuple(added(self.blocks[start : start + size]) for start in starts)


def added(blocks: Iterable[Block]) -> Block:
    """All of them as one."""
    there = tuple(blocks)
    columns = zip_longest(*(block.histogram for block in there), fillvalue=0)
    return Block(
        sum(block.requests for block in there),
        sum(block.errors for block in there),
        tuple(sum(column) for column in columns),
    )
