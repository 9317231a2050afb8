"""What a page shows of a film: pictures beside the golden's, how alike each tile is, and the loudness over time."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from mobius.adapters.media.frames import Shown, frames_at
from mobius.adapters.media.lossless import kept
from mobius.adapters.media.loudness import measure
from mobius.adapters.media.masking import drawn
from mobius.adapters.media.pictures import Rgb, small
from mobius.adapters.media.planes import Picture, as_rgb
from mobius.adapters.media.ssim import similarity
from mobius.adapters.media.tiles import tile_map
from mobius.errors import GateFailed, MobiusError
from mobius.model.golden import LEGACY

WIDEST = 960  # pixels; such a picture is 60 to 200 KB
QUALITY = 3  # of JPEG: 2 is the best, 31 the worst
LEAST_POINTS, MOST_POINTS = 2, 600  # of the curve
Row = Mapping[str, Any]


def shown(file: Path, *, frames: Sequence[Row], folder: str = "", variant: str = "") -> dict[str, Any]:
    """`frames`: those of a golden in `folder`, or only `at_s` each where there is none. What cannot be had is left out,
    and `problem` says why."""
    told: dict[str, Any] = {"frames": [], "curve": [], "problem": ""}
    try:
        found = frames_at(file, [row["at_s"] for row in frames])
        told["frames"] = [_frame(row, one, folder, variant) for row, one in zip(frames, found, strict=True)]
    except MobiusError as problem:
        told["problem"] = problem.message
    try:
        told["curve"] = _thinned(measure(file).curve)
    except GateFailed:  # no sound, which the gates say
        pass
    except MobiusError as problem:
        told["problem"] = told["problem"] or problem.message
    return told


def _frame(row: Row, found: Shown, folder: str, variant: str) -> dict[str, Any]:
    told: dict[str, Any] = {"at_s": row["at_s"], "pts_s": found.pts_s, "film": "", "golden": ""}
    golden: Picture | None = None
    if "file" in row:
        golden = kept(Path(folder) / row["file"], row["pix_fmt"], row["bits"], row["sha256"])
        told |= {"golden": _jpeg(small(golden, WIDEST)), "width": golden.width, "height": golden.height}
    if found.picture is None:
        return told
    film = found.picture
    if golden is not None and golden.pix_fmt == "gbrp":
        film = as_rgb(film)
    told |= {"film": _jpeg(small(film, WIDEST)), "width": film.width, "height": film.height}
    if golden is None or (golden.width, golden.height, golden.pix_fmt) != (
        film.width,
        film.height,
        film.pix_fmt,
    ):
        return told
    return told | _alike(golden, film, row, variant)


def _alike(golden: Picture, film: Picture, row: Row, variant: str) -> dict[str, Any]:
    if variant == LEGACY:
        golden, film = as_rgb(golden), as_rgb(film)
    masks, share = drawn(row.get("masks", ()), golden)
    found = similarity(golden, film, masks)
    means, rows, columns = tile_map(found.blocks)
    return {
        "ssim": found.everything,
        "masked": share,
        "masks": [dict(mask) for mask in row.get("masks", ())],
        "tiles": {
            "means": [[round(float(mean), 4) for mean in line] for line in means],
            "rows": rows,
            "columns": columns,
        },
    }


def _jpeg(pixels: Rgb) -> str:
    """As text that a page can hold."""
    high, wide, _ = pixels.shape
    even = np.pad(pixels, ((0, high % 2), (0, wide % 2), (0, 0)), mode="edge")
    frame = av.VideoFrame.from_ndarray(even, format="rgb24").reformat(
        format="yuvj444p", dst_color_range="JPEG"
    )
    coder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(coder, VideoCodecContext)
    coder.width, coder.height, coder.pix_fmt = frame.width, frame.height, "yuvj444p"
    coder.time_base = Fraction(1, 1)
    coder.qmin = coder.qmax = QUALITY
    frame.pts = 0
    packets = [*coder.encode(frame), *coder.encode(None)]
    return base64.b64encode(b"".join(bytes(packet) for packet in packets)).decode()


def _thinned(curve: Sequence[tuple[float, float]]) -> list[list[float]]:
    """At most so many points: of each part its last one."""
    by = max(1, -(-len(curve) // MOST_POINTS))
    points = [[round(at, 2), round(level, 1)] for at, level in curve[by - 1 :: by]]
    return points if len(points) >= LEAST_POINTS else []
