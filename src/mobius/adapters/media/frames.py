"""The frames shown at given times. Only what they need is decoded: from the key frame before each of them on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobius.adapters.media.opening import opened
from mobius.adapters.media.planes import Picture, picture_of
from mobius.errors import GateFailed

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

BACK_S = (0.0, 5.0, None)  # how far before the time to look for a key frame; None: from the beginning
NEARLY = 1e-6  # s: a time that is a frame's own is not missed by rounding


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown at `at_s`: the first frame whose time stamp is not before it, None where the film ends sooner.

    `pts_s` counts from the film's start, as FFmpeg's command does. `decoded`: frames it took; `corrupt` of them.
    """

    at_s: float
    pts_s: float | None
    picture: Picture | None
    decoded: int
    corrupt: int


def frames_at(path: Path, times: Sequence[float]) -> list[Shown]:
    """One for each time, in their order. Raises as `opened` does, and `GateFailed` for a file without a picture."""
    with opened(path) as container:
        return frames_in(container, path, times)


def frames_in(container: InputContainer, path: Path, times: Sequence[float]) -> list[Shown]:
    """The same of a file that is open."""
    stream = _film(container, path)
    return [_shown(container, stream, at_s) for at_s in times]


def _film(container: InputContainer, path: Path) -> Any:
    from av.stream import Disposition

    films = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not films:
        raise GateFailed(f"{path.name} has no video stream", "the picture was lost when it was rendered")
    return films[0]


def _shown(container: InputContainer, stream: Any, at_s: float) -> Shown:
    """An index may lead behind the time; then it is looked for from further before."""
    shown = Shown(at_s, None, None, 0, 0)
    start_s = (container.start_time or 0) / 1_000_000
    for back_s in BACK_S:
        _seek(container, stream, None if back_s is None else at_s + start_s - back_s)
        shown, is_first = _next(container, stream, at_s, start_s)
        if shown.pts_s is None and shown.decoded:
            break  # the film ends before: no other way leads further
        if shown.pts_s is not None and (not is_first or shown.pts_s <= at_s + NEARLY):
            break
    return shown


def _seek(container: InputContainer, stream: Any, at_s: float | None) -> None:
    import av.error

    try:
        if at_s is not None and at_s > 0:
            container.seek(int(at_s / stream.time_base), stream=stream, backward=True)
            return
    except av.error.FFmpegError:
        pass
    container.seek(min(0, container.start_time or 0))


def _next(container: InputContainer, stream: Any, at_s: float, start_s: float) -> tuple[Shown, bool]:
    """The frame, and whether it is the first that came out."""
    decoded = corrupt = 0
    for frame in _decoded(container, stream, at_s - NEARLY + start_s):
        if frame is None:
            corrupt += 1
            continue
        decoded += 1
        corrupt += bool(frame.is_corrupt)
        pts_s = None if frame.time is None else frame.time - start_s
        if pts_s is not None and pts_s >= at_s - NEARLY:
            return Shown(at_s, pts_s, picture_of(frame), decoded, corrupt), decoded == 1
    return Shown(at_s, None, None, decoded, corrupt), False


def _decoded(container: InputContainer, stream: Any, from_s: float) -> Iterator[av.VideoFrame | None]:
    """Each frame, but of those before `from_s` only what others refer to: nothing else of them is looked at. None for a
    packet that cannot be decoded at all."""
    import av.error

    for packet in container.demux(stream):
        is_before = packet.pts is not None and packet.pts * stream.time_base < from_s
        stream.codec_context.skip_frame = "NONREF" if is_before else "DEFAULT"
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            yield None
