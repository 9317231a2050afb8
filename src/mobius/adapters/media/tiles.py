"""The worst of the tiles of 64x64 pixels: a mean over a picture is blind to a small thing that is wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mobius.adapters.media.ssim import STEP, Map

TILE = 64
BLOCKS = TILE // STEP


def tile_map(blocks: Map) -> tuple[Map, list[int], list[int]]:
    """The mean of each tile by rows and columns (1 where it is masked), and the pixel where each row and column
    begins."""
    rows, columns = (_edges(size) for size in blocks.shape)
    there = np.isfinite(blocks)
    sums = _sums(np.where(there, blocks, 0.0), rows, columns)
    counts = _sums(there.astype(np.float64), rows, columns)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), 1.0)
    return means, [int(row) * STEP for row in rows], [int(column) * STEP for column in columns]


def worst_tile(blocks: Map) -> tuple[float, tuple[int, int]]:
    """The least mean of a tile, and its left and upper pixel. What is left at the right and lower edge is a tile of its
    own from half a tile on, else a part of its neighbour. 1 where every tile is masked."""
    means, rows, columns = tile_map(blocks)
    row, column = np.unravel_index(int(np.argmin(means)), means.shape)
    return float(means[row, column]), (columns[int(column)], rows[int(row)])


def _edges(size: int) -> NDArray[np.intp]:
    """Where tiles begin."""
    edges = np.arange(0, size, BLOCKS)
    return edges[:-1] if edges.size > 1 and size - edges[-1] < BLOCKS // 2 else edges


def _sums(values: Map, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Map:
    return np.asarray(np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1))
