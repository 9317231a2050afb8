"""What is measured of a video or a sound file, and what a gate says of it. A measurement that could not be had is None,
and never a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Loudness:
    """Loudness of a programme by ITU-R BS.1770-5, EBU Tech 3341 and 3342.

    LUFS for loudness, LU for the range, dBTP for the true peak (over all channels). None where there is no measurement:
    silence, or too short a file (0.4 s for momentary and integrated, 3 s for short-term and the range). `curve` is the
    short-term loudness over time: (seconds at the end of the three, LUFS).
    """

    integrated_lufs: float | None
    loudness_range_lu: float | None
    true_peak_dbtp: float | None
    momentary_max_lufs: float | None
    short_term_max_lufs: float | None
    curve: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class VideoStream:
    """One video stream, as its container and codec declare it; `packets` are those that are really there.

    `frames_declared` is what the header promises, None where it promises nothing. `sar`: sample aspect ratio, None
    where it is not said. Colour tags are FFmpeg's names, "" where unspecified.
    """

    codec: str
    width: int
    height: int
    pix_fmt: str
    frame_rate: Fraction | None
    sar: Fraction | None
    duration_s: float | None
    frames_declared: int | None
    packets: int
    is_variable: bool = False  # the distances between its frames differ by more than rounding
    color: Mapping[str, str] = field(default_factory=dict)  # space, primaries, transfer, range
    profile: str = ""


@dataclass(frozen=True, slots=True)
class AudioStream:
    """One audio stream. `channels` by their names in the order of the layout."""

    codec: str
    sample_rate: int
    channels: tuple[str, ...]
    layout: str
    duration_s: float | None
    packets: int


@dataclass(frozen=True, slots=True)
class Probed:
    """What a file is. `cut`: why it is taken for cut off, "" where it is whole. `corrupt_frames`: of those that were
    decoded; None where none was."""

    name: str
    size_bytes: int
    sha256: str
    container: str
    duration_s: float | None
    video: tuple[VideoStream, ...]
    audio: tuple[AudioStream, ...]
    others: tuple[str, ...] = ()
    cut: str = ""
    corrupt_frames: int | None = None
    decoded_frames: int = 0
