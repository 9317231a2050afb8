"""The quality gates of the operations guide, in its own words, figures and units."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mobius.model.verdict import Outcome


@dataclass(frozen=True, slots=True)
class QualityGates:
    """The JSON of the guide, as it is; what a file leaves out has the guide's own figure."""

    audio: AudioGates = field(default_factory=lambda: AudioGates())
    video: VideoGates = field(default_factory=lambda: VideoGates())
    performance: PerformanceGates = field(default_factory=lambda: PerformanceGates())
    monitoring: MonitoringGates = field(default_factory=lambda: MonitoringGates())


@dataclass(frozen=True, slots=True)
class AudioGates:
    """Loudness in LU and true peak in dB, each as the distance allowed from the reference; and where there is no
    reference, what speech keeps to: `lufs_target` in LUFS (within `lufs_tolerance`), the widest range in LU, and the
    highest true peak in dBTP."""

    lufs_tolerance: float = 1.0
    true_peak_tolerance: float = 1.0
    units: str = "dB"
    lufs_target: float = -16.0
    loudness_range_max: float = 11.0
    true_peak_max: float = -1.0


@dataclass(frozen=True, slots=True)
class VideoGates:
    """Least SSIM (0 to 1), frames per second and how far from them, and the exact size, pixel format and shape of a
    pixel."""

    ssim_threshold: float = 0.995
    frame_rate_tolerance: float = 0.1
    resolution_exact: str = "1920x1080"
    frame_rate: float = 30.0
    pixel_format: str = "yuv420p"
    pixel_shape: str = "1:1"


@dataclass(frozen=True, slots=True)
class PerformanceGates:
    """Milliseconds and percent."""

    response_time_max: float = 200.0
    error_rate_max: float = 0.1
    cpu_usage_max: float = 70.0
    memory_usage_max: float = 80.0


@dataclass(frozen=True, slots=True)
class MonitoringGates:
    """Seconds between checks; failures in a row that are unhealthy; successes that are healthy again."""

    check_interval: float = 30.0
    failure_threshold: int = 3
    recovery_threshold: int = 5


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """How films are judged, and where they are.

    `golden`: the folder of the golden references. `latest`: a pattern of the films that the service makes, "" for none;
    `{game}` in it is the name of each golden. `game`: the golden of a pattern without it, "" for the only one there is.
    `required`: gates that must answer. `ssim`, `lufs_tolerance`, `true_peak_tolerance` and `frame_rate_tolerance` are
    the figures of the quality gates unless said otherwise; `tile_min` is the least SSIM of a tile of 64x64.
    `every_s`: in the window a new film is due at least so often (None: whenever one comes). `memory`, `cpu_s` and
    `timeout_s` are what measuring one film may take; `workers` of them at a time, 0 for one a processor. `keep`:
    reports that stay in logs/quality.
    """

    golden: Path = Path("tests/golden")
    latest: str = ""
    game: str = ""
    required: tuple[str, ...] = ("container", "sound")
    ssim: float = VideoGates().ssim_threshold
    tile_min: float = 0.95
    lufs_tolerance: float = AudioGates().lufs_tolerance
    true_peak_tolerance: float = AudioGates().true_peak_tolerance
    frame_rate_tolerance: float = VideoGates().frame_rate_tolerance
    deep: bool = False
    watch: bool = True
    every_s: float | None = None
    memory: int = 4 << 30
    cpu_s: float = 600.0
    timeout_s: float = 900.0
    workers: int = 0
    keep: int = 200


@dataclass(frozen=True, slots=True)
class Reading:
    """One gate's answer. `value` is what was read, None where nothing could be; `limit` what it is held against, in
    words. What could not be read is an ERROR, and never a pass."""

    name: str
    outcome: Outcome
    value: float | str | None
    limit: str
    message: str
    advice: str = ""
