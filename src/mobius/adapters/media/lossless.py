"""One picture kept as a file without a loss: FFV1 in Matroska, which players show, too. Read back before it counts."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.video.stream import VideoStream

from mobius.adapters.media.opening import opened
from mobius.adapters.media.planes import Picture, frame_of, picture_of, same
from mobius.errors import GateUnknown

# Formats that only say more of the same planes: the golden's own record has the name.
PLAIN = {"yuvj420p": "yuv420p", "yuvj422p": "yuv422p", "yuvj444p": "yuv444p", "gray8": "gray"}
PACKED = {"gbrp": "bgr0", "gbrap": "bgra"}  # FFV1 has these two with 8 bits packed only


def keep(picture: Picture, file: Path) -> None:
    """Writes it. Raises `GateUnknown` for a pixel format that cannot be kept, or where it comes back different."""
    name = PLAIN.get(picture.pix_fmt, picture.pix_fmt)
    try:
        with av.open(str(file), "w", format="matroska", options={"fflags": "+bitexact"}) as out:
            stream = out.add_stream("ffv1", rate=1, options={"level": "3", "slicecrc": "1"})
            assert isinstance(stream, VideoStream)
            frame = frame_of(picture, name)
            if name in PACKED:
                frame = frame.reformat(format=PACKED[name])
            stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, frame.format.name
            frame.pts, frame.time_base = 0, Fraction(1, 1)
            out.mux([*stream.encode(frame), *stream.encode(None)])
    except (av.error.FFmpegError, ValueError) as refused:
        raise GateUnknown(
            f"a picture in {picture.pix_fmt} cannot be kept without a loss: {refused}",
            "render it as yuv420p, or in another common format",
        ) from refused
    if not same(kept(file, picture.pix_fmt, picture.bits, picture.sha256).planes, picture.planes):
        raise GateUnknown(f"{file.name} does not read back as it was written", "look at the disk")


def kept(file: Path, pix_fmt: str, bits: int, sha256: str) -> Picture:
    """The picture of a file. Raises `GateUnknown` where it is not the one that was kept."""
    with opened(file) as container:
        planes = picture_of(next(container.decode(container.streams.video[0]))).planes
    picture = Picture(pix_fmt, bits, planes)
    if picture.sha256 != sha256:
        raise GateUnknown(
            f"{file.name} is not the picture that was recorded: found {picture.sha256[:12]}, not {sha256[:12]}",
            "take the file back from version control, or record the golden anew",
        )
    return picture
