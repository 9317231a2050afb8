"""The planes of a decoded frame as arrays, bit for bit as the decoder made them, and back again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from mobius.errors import GateUnknown

Plane = NDArray[Any]

# Packed formats, and the planar ones that hold the same values; the way between them loses nothing.
PLANAR = {
    "nv12": "yuv420p",
    "nv16": "yuv422p",
    "nv24": "yuv444p",
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
    "p010le": "yuv420p10le",
    "rgb24": "gbrp",
    "bgr24": "gbrp",
    "rgb0": "gbrp",
    "bgr0": "gbrp",
    "0rgb": "gbrp",
    "rgba": "gbrap",
    "bgra": "gbrap",
    "argb": "gbrap",
    "rgb48le": "gbrp16le",
    "rgb48be": "gbrp16le",
    "pal8": "gbrp",
    "monob": "gray",
    "monow": "gray",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame: the pixel format's name, bits of a value, and its planes of (rows, columns)."""

    pix_fmt: str
    bits: int
    planes: tuple[Plane, ...]

    @property
    def width(self) -> int:
        """Columns of the first plane."""
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        """Rows of the first plane."""
        return int(self.planes[0].shape[0])

    @property
    def is_rgb(self) -> bool:
        """Green, blue and red, where others are luma and chroma."""
        return self.pix_fmt.startswith("gbr")

    @property
    def sha256(self) -> str:
        """Over the planes one after the other, little-endian, without any padding."""
        sums = hashlib.sha256()
        for plane in self.planes:
            sums.update(np.ascontiguousarray(plane).tobytes())
        return sums.hexdigest()


def picture_of(frame: av.VideoFrame) -> Picture:
    """A copy of the frame. Raises `GateUnknown` for a pixel format whose values cannot be had without a loss."""
    if frame.format.name in PLANAR:
        frame = frame.reformat(format=PLANAR[frame.format.name])
    form = frame.format
    components = form.components
    bits = {one.bits for one in components}
    planar = sorted(one.plane for one in components) == list(range(len(components))) and len(bits) == 1
    if not planar or len(frame.planes) != len(components) or not 8 <= max(bits) <= 16 or "f32" in form.name:
        raise GateUnknown(
            f"pictures in the pixel format {form.name} are not compared",
            "render them as yuv420p, or in another format with a plane for each component",
        )
    kind = np.dtype(np.uint8 if max(bits) == 8 else ">u2" if form.is_big_endian else "<u2")
    planes = tuple(
        np.frombuffer(memoryview(plane), kind)
        .reshape(-1, plane.line_size // kind.itemsize)[: plane.height, : plane.width]
        .astype(kind.newbyteorder("<"))
        for plane in frame.planes
    )
    return Picture(form.name, max(bits), planes)


def frame_of(picture: Picture, pix_fmt: str = "") -> av.VideoFrame:
    """The picture as FFmpeg's frame; `pix_fmt`: another name for a format of the same planes."""
    frame = av.VideoFrame(picture.width, picture.height, pix_fmt or picture.pix_fmt)
    for plane, values in zip(frame.planes, picture.planes, strict=True):
        kind = np.dtype(np.uint8 if picture.bits == 8 else ">u2" if frame.format.is_big_endian else "<u2")
        lines = np.zeros((plane.buffer_size // plane.line_size, plane.line_size // kind.itemsize), kind)
        lines[: values.shape[0], : values.shape[1]] = values
        plane.update(lines.tobytes())
    return frame


def as_rgb(picture: Picture) -> Picture:
    """Green, blue and red of 8 bits, as FFmpeg's own command makes them for a PNG: through its scaler, bicubic."""
    if picture.pix_fmt == "gbrp":
        return picture
    packed = frame_of(picture).reformat(format="rgb24", interpolation="BICUBIC").to_ndarray()
    return Picture("gbrp", 8, tuple(np.ascontiguousarray(packed[:, :, at]) for at in (1, 2, 0)))


def same(one: Sequence[Plane], other: Sequence[Plane]) -> bool:
    """Bit for bit."""
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
