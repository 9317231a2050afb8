"""Structural similarity as FFmpeg computes it: blocks of 8x8 that overlap by half, every one counted the same.

Not Wang's with its Gaussian window: a limit such as 0.995 means something with one variant only, so it is named. `All`
weighs the planes by their size (4:1:1 for yuv420p). Planes are compared as they were decoded, never scaled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobius.adapters.media.planes import Picture, Plane

STEP = 4  # the blocks of 8x8 begin at every fourth pixel
STRIP = 32  # rows of blocks worked out together
C1, C2 = 0.01, 0.03
Map = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Similar:
    """1 is the same. `everything`: all planes by their size; `planes`: each; `blocks`: the map of the first plane, or
    of the mean of all where they are red, green and blue. NaN where a mask covers a block."""

    everything: float
    planes: tuple[float, ...]
    blocks: Map


def similarity(one: Picture, other: Picture, masks: tuple[NDArray[np.bool_], ...] = ()) -> Similar:
    """Both of one size and format. `masks`: for each plane what is not compared. It is blanked in both, and a block
    that lies in it whole does not count."""
    maps = []
    for at, (a, b) in enumerate(zip(one.planes, other.planes, strict=True)):
        mask = masks[at] if masks else None
        maps.append(_masked(a, b, mask, one.bits) if mask is not None else blocks(a, b, one.bits))
    each = tuple(float(np.nanmean(found)) if np.isfinite(found).any() else 1.0 for found in maps)
    sizes = [plane.size for plane in one.planes]
    everything = sum(v * size for v, size in zip(each, sizes, strict=True)) / sum(sizes)
    return Similar(everything, each, np.mean(maps, axis=0) if one.is_rgb else maps[0])


def blocks(one: Plane, other: Plane, bits: int) -> Map:
    """The similarity of each block of 8x8, by rows and columns of four pixels. Worked out strip by strip: what stays
    in the processor's cache takes half the time."""
    a, b = _whole(one), _whole(other)
    found = np.empty((a.shape[0] // STEP - 1, a.shape[1] // STEP - 1))
    for at in range(0, found.shape[0], STRIP):
        rows = slice(at * STEP, (at + STRIP + 1) * STEP)
        found[at : at + STRIP] = _strip(a[rows], b[rows], bits)
    return found


def _strip(one: Plane, other: Plane, bits: int) -> Map:
    kind: Any = np.int32 if bits == 8 else np.int64
    a, b = one.astype(kind), other.astype(kind)
    s1, s2, squares, cross = (_eight(part) for part in (a, b, a * a + b * b, a * b))
    most = (1 << bits) - 1
    c1 = int(C1 * C1 * most * most * 64 + 0.5)
    c2 = int(C2 * C2 * most * most * 64 * 63 + 0.5)
    product, powers = s1 * s2, s1 * s1 + s2 * s2
    spread = squares * 64 - powers
    together = cross * 64 - product
    above = (2.0 * product + c1) * (2.0 * together + c2)
    return np.asarray(above / ((powers + float(c1)) * (spread + float(c2))))


def _whole(plane: Plane) -> Plane:
    """Without the last rows and columns that make no four."""
    return plane[: plane.shape[0] // STEP * STEP, : plane.shape[1] // STEP * STEP]


def _eight(values: Plane) -> Plane:
    """Sums of 8x8, by rows and columns of four."""
    rows = values[0::4] + values[1::4] + values[2::4] + values[3::4]
    rows = rows[:-1] + rows[1:]
    four = rows[:, 0::4] + rows[:, 1::4] + rows[:, 2::4] + rows[:, 3::4]
    return np.asarray(four[:, :-1] + four[:, 1:])


def _masked(one: Plane, other: Plane, mask: NDArray[np.bool_], bits: int) -> Map:
    a, b = (np.where(mask, np.zeros_like(plane), plane) for plane in (one, other))
    covered = _eight(_whole(mask).astype(np.int32)) == 64
    return np.where(covered, np.nan, blocks(a, b, bits))
