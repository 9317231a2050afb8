"""The quality gates of the operations guide, in its own words, figures and units."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class QualityGates:
    """The JSON of the guide, as it is; what a file leaves out has the guide's own figure."""

    audio: AudioGates = field(default_factory=lambda: AudioGates())
    video: VideoGates = field(default_factory=lambda: VideoGates())
    performance: PerformanceGates = field(default_factory=lambda: PerformanceGates())
    monitoring: MonitoringGates = field(default_factory=lambda: MonitoringGates())


@dataclass(frozen=True, slots=True)
class AudioGates:
    """Loudness in LU and true peak in dB, each as the distance allowed from the reference."""

    lufs_tolerance: float = 1.0
    true_peak_tolerance: float = 1.0
    units: str = "dB"


@dataclass(frozen=True, slots=True)
class VideoGates:
    """Least SSIM (0 to 1), frame rate tolerance in frames per second, and the exact size."""

    ssim_threshold: float = 0.995
    frame_rate_tolerance: float = 0.1
    resolution_exact: str = "1920x1080"


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
