"""What a file is: container, streams, how many packets are really there, and whether it is cut off.

Packets are counted without decoding: a file whose header promises more frames than there are was cut. With `deep` every
frame is decoded, and those that the decoder calls corrupt are counted.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobius.adapters.media.opening import opened

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

LEAST_SHARE = 0.995  # of the promised frames; an edit list may leave out one or two
ROUNDING = 0.02  # of a frame's duration: time stamps of some containers are in milliseconds
CHUNK = 1 << 20

# The numbers of ITU-T H.273, by FFmpeg's names.
SAME = {1: "bt709", 6: "smpte170m", 7: "smpte240m"}
COLOURS: dict[str, tuple[str, dict[int, str]]] = {
    "space": (
        "colorspace",
        {**SAME, 0: "gbr", 4: "fcc", 5: "bt470bg", 8: "ycgco", 9: "bt2020nc", 10: "bt2020c"},
    ),
    "primaries": (
        "color_primaries",
        {**SAME, 4: "bt470m", 5: "bt470bg", 8: "film", 9: "bt2020", 11: "smpte431", 12: "smpte432"},
    ),
    "transfer": (
        "color_trc",
        {**SAME, 4: "bt470m", 5: "bt470bg", 8: "linear", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12"}
        | {16: "smpte2084", 18: "arib-std-b67"},
    ),
    "range": ("color_range", {1: "tv", 2: "pc"}),
}


@dataclass(slots=True)
class Seen:
    """One stream, packet by packet."""

    packets: int = 0
    time_base: Fraction | None = None
    end: int = 0  # the latest that a packet lasts to, in time bases
    corrupt_packets: int = 0
    steps: Counter[int] = field(default_factory=Counter)
    _last: int | None = None

    def add(self, packet: Any) -> None:
        if packet.dts is None and packet.pts is None and not packet.size:
            return  # the flush packet at the end
        self.packets += 1
        self.corrupt_packets += bool(packet.is_corrupt)
        if packet.dts is not None:
            if self._last is not None:
                self.steps[packet.dts - self._last] += 1
            self._last = packet.dts
        if packet.pts is not None:
            self.end = max(self.end, packet.pts + (packet.duration or 0))

    @property
    def end_s(self) -> float:
        """The same in seconds."""
        return float(self.end * self.time_base) if self.time_base else 0.0


def probe(path: Path, *, deep: bool = False) -> dict[str, Any]:
    """Everything as plain values. Raises as `opened` does."""
    with opened(path) as container:
        found = probed(container, path)
    return found | (corrupt_frames(path) if deep else {})


def probed(
    container: InputContainer, path: Path, *, hear: Callable[[Any], None] | None = None
) -> dict[str, Any]:
    """The same of a file that was just opened; its corrupt frames are not counted. `hear` is given each packet, too."""
    seen = {stream.index: Seen(time_base=stream.time_base) for stream in container.streams}
    for packet in container.demux():
        seen[packet.stream.index].add(packet)
        if hear is not None:
            hear(packet)
    videos = [
        _video(stream, seen[stream.index]) for stream in container.streams.video if not _is_cover(stream)
    ]
    audios = [_audio(stream, seen[stream.index]) for stream in container.streams.audio]
    known = {stream.index for stream in (*container.streams.video, *container.streams.audio)}
    return {
        "name": path.name,
        "size_bytes": path.stat().st_size,
        "sha256": digest(path),
        "container": container.format.name,
        "duration_s": container.duration / 1_000_000 if container.duration is not None else None,
        "video": videos,
        "audio": audios,
        "others": [stream.type for stream in container.streams if stream.index not in known],
        "cut": _cut(container, videos, audios, seen),
        "corrupt_frames": None,
        "decoded_frames": 0,
    }


def digest(path: Path) -> str:
    """SHA-256 of the file."""
    sums = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            sums.update(piece)
    return sums.hexdigest()


def _video(stream: VideoStream, seen: Seen) -> dict[str, Any]:
    codec = stream.codec_context
    rate, sar = stream.average_rate, stream.sample_aspect_ratio
    return {
        "codec": codec.name,
        "profile": codec.profile or "",
        "width": codec.width,
        "height": codec.height,
        "pix_fmt": codec.pix_fmt or "",
        "frame_rate": _text(rate),
        "sar": _text(Fraction(sar)) if sar else None,
        "duration_s": _seconds(stream),
        "frames_declared": stream.frames or None,
        "packets": seen.packets,
        "is_variable": _is_variable(seen, rate, stream.time_base),
        "color": _colour(codec),
    }


def _audio(stream: AudioStream, seen: Seen) -> dict[str, Any]:
    codec = stream.codec_context
    return {
        "codec": codec.name,
        "sample_rate": codec.sample_rate,
        "channels": [channel.name for channel in codec.layout.channels],
        "layout": codec.layout.name,
        "duration_s": _seconds(stream),
        "packets": seen.packets,
    }


def _is_cover(stream: VideoStream) -> bool:
    """A picture that is attached to a sound is no video."""
    import av.stream

    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _seconds(stream: Any) -> float | None:
    if stream.duration is None or not stream.time_base:
        return None
    return float(stream.duration * stream.time_base)


def _is_variable(seen: Seen, rate: Fraction | None, time_base: Fraction | None) -> bool:
    if not rate or not time_base or not seen.steps:
        return False
    usual = float(1 / rate / time_base)
    bearable = max(1.0, ROUNDING * usual)
    odd = sum(many for step, many in seen.steps.items() if abs(step - usual) > bearable)
    return odd > max(1, 0.01 * seen.packets)


def _colour(codec: Any) -> dict[str, str]:
    """As ffprobe names them; what is unspecified is left out."""
    told = {}
    for name, (attribute, names) in COLOURS.items():
        value = int(getattr(codec, attribute, 0) or 0)
        if value in names:
            told[name] = names[value]
    return told


def _cut(container: InputContainer, videos: list[Any], audios: list[Any], seen: dict[int, Seen]) -> str:
    """Why less is there than was promised; "" where all is."""
    for video in videos:
        promised, there = video["frames_declared"], video["packets"]
        if promised and there < LEAST_SHARE * promised - 1:
            return f"the header promises {promised:,} frames, and {there:,} are there"
        if not there:
            return "a video stream without a single packet"
    if any(not audio["packets"] for audio in audios):
        return "an audio stream without a single packet"
    promised_s = container.duration / 1_000_000 if container.duration else 0.0
    end_s = max((one.end_s for one in seen.values()), default=0.0)
    start_s = (container.start_time or 0) / 1_000_000
    if promised_s and end_s - start_s < LEAST_SHARE * promised_s - 0.5:
        return f"the header promises {promised_s:.1f} s, and {end_s - start_s:.1f} s are there"
    return ""


def corrupt_frames(path: Path) -> dict[str, int]:
    """How many frames the decoder calls corrupt, or cannot decode at all, and how many came out."""
    import av.error

    corrupt = decoded = 0
    with opened(path) as container:
        videos = [stream for stream in container.streams.video if not _is_cover(stream)]
        if not videos:
            return {"corrupt_frames": 0, "decoded_frames": 0}
        for stream in videos:
            stream.thread_type = "AUTO"
        for packet in container.demux(videos):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                corrupt += 1
                continue
            decoded += len(frames)
            corrupt += sum(bool(getattr(frame, "is_corrupt", False)) for frame in frames)
    return {"corrupt_frames": corrupt, "decoded_frames": decoded}


def _text(value: Fraction | None) -> str | None:
    return f"{value.numerator}/{value.denominator}" if value else None
