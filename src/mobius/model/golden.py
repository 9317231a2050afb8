"""A golden reference: the frames, the loudness and the facts of a film that a person has approved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

YUV, LEGACY = "ffmpeg-yuv-all", "legacy-rgb"
VARIANTS = (YUV, LEGACY)
METER = "3"  # goes up when a reading of the same film may change


@dataclass(frozen=True, slots=True)
class GoldenFrame:
    """One frame: the time asked for and its own in seconds, its file beside the golden's record, SHA-256 of its
    planes."""

    at_s: float
    pts_s: float
    file: str
    sha256: str
    pix_fmt: str
    bits: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Golden:
    """`source` is the film's path as it was given. `film`: as the job `probe` says it; a fact that an imported golden
    never had is absent. `loudness`: None where the film has no sound, or nobody measured it (`sound_known` tells)."""

    game: str
    os: str
    source: str
    source_sha256: str
    taken_at: str
    variant: str
    meter: str
    ffmpeg: str
    film: Mapping[str, Any]
    sound_known: bool
    loudness: Mapping[str, float | None] | None
    frames: tuple[GoldenFrame, ...]


@dataclass(frozen=True, slots=True)
class Tolerances:
    """Least SSIM, least SSIM of a tile of 64x64, LU and dB on either side of the golden's loudness and true peak, and
    frames per second."""

    ssim: float = 0.995
    tile: float = 0.95
    lufs: float = 1.0
    true_peak: float = 1.0
    frame_rate: float = 0.1


@dataclass(frozen=True, slots=True)
class Mask:
    """A part that is not compared, in pixels of the first plane: a rectangle, or a circle (`width` is its diameter
    then, `x` and `y` the corner of the square around it). Empty `times` and `systems`: always."""

    shape: str
    x: int
    y: int
    width: int
    height: int
    times: tuple[float, ...] = ()
    systems: tuple[str, ...] = ()
    reason: str = ""
