"""Pictures for people: the golden, the film, and where they differ, beside each other in one PNG."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobius.adapters.media.planes import Picture, frame_of

WIDEST = 640  # pixels of one of the three
GAIN = 4  # differences are shown so much larger
Rgb = NDArray[np.uint8]


def beside(golden: Picture | None, film: Picture) -> Rgb:
    """Golden, film, difference, from left to right; the film alone where there is no golden of its size."""
    if golden is None or golden.pix_fmt != film.pix_fmt or golden.planes[0].shape != film.planes[0].shape:
        return small(film)
    panels = [small(golden), small(film), _difference(golden, film)]
    gap = np.full((panels[0].shape[0], 4, 3), 255, np.uint8)
    return np.concatenate([panels[0], gap, panels[1], gap, panels[2]], axis=1)


def small(picture: Picture, widest: int = WIDEST) -> Rgb:
    """Red, green and blue of at most so many columns."""
    by = _smaller(picture, widest)
    size = {"width": max(1, picture.width // by), "height": max(1, picture.height // by)}
    shown = frame_of(picture).reformat(format="rgb24", interpolation="AREA", **size)
    return np.asarray(shown.to_ndarray(), np.uint8)


def write_png(pixels: Rgb, file: Path) -> None:
    """8 bits of red, green and blue."""
    high, wide, _ = pixels.shape
    lines = np.zeros((high, 1 + 3 * wide), np.uint8)  # each line begins with its filter: none
    lines[:, 1:] = pixels.reshape(high, -1)
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines.tobytes(), 6)),
        (b"IEND", b""),
    ]
    chunks = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    ]
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def _difference(one: Picture, other: Picture) -> Rgb:
    """The largest difference of the first plane below each pixel, so that a small one is not smoothed away."""
    by = _smaller(one)
    wide, high = max(1, one.width // by), max(1, one.height // by)
    away = np.abs(one.planes[0].astype(np.int32) - other.planes[0].astype(np.int32)) >> (one.bits - 8)
    most: Any = away[: high * by, : wide * by].reshape(high, by, wide, by).max(axis=(1, 3))
    return np.repeat(np.minimum(255, GAIN * most).astype(np.uint8)[:, :, None], 3, axis=2)


def _smaller(picture: Picture, widest: int = WIDEST) -> int:
    return -(-picture.width // widest)
