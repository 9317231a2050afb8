"""The settings that are figures to judge by: thresholds of the policies, and the quality gates."""

from __future__ import annotations

from mobius.config.kinds import Choice, Duration, Number, Text
from mobius.config.shapes import Inside, OrOff
from mobius.config.table import Field, Item, Section, with_defaults_of
from mobius.model.policies import PolicySettings
from mobius.model.quality import AudioGates, MonitoringGates, PerformanceGates, VideoGates

COUNT = Number(1, 1_000_000, whole=True)
PERCENT = Number(0, 100)
IN_A_ROW = Number(0, 1_000_000, whole=True)


def _limit(key: str, kind: Number, environ: str, doc: str) -> Field:
    return Field(key, OrOff(kind), doc, default_words="as the policy says", environ=environ)


def _figure(key: str, kind: Number | Duration, doc: str) -> Field:
    return Field(key, kind, doc, default_words="as the policy says", environ=f"MOBIUS_{key.upper()}")


THRESHOLDS: tuple[Field, ...] = (
    _limit(
        "max_error_rate_pct", PERCENT, "MOBIUS_MAX_ERROR_RATE", "Errors above this percentage of requests."
    ),
    _figure("error_min_requests", COUNT, "The error rate is judged over at least this many requests."),
    _figure("error_window", Duration(), "The error rate is taken over this trailing time."),
    _figure("error_for", Duration(zero=True), "…and must stay above for longer than this; 0 is at once."),
    _limit(
        "max_p95_ms", Number(0), "MOBIUS_MAX_P95_MS", "95th percentile of response time above this, in ms."
    ),
    _figure("p95_min_samples", COUNT, "The percentile is judged over at least this many measurements."),
    _figure("p95_window", Duration(), "The percentile is taken over this trailing time."),
    _figure("p95_for", Duration(zero=True), "…and must stay above for longer than this; 0 is at once."),
    _limit(
        "min_success_rate_pct", PERCENT, "MOBIUS_MIN_SUCCESS_RATE", "Successful checks under this percentage."
    ),
    _figure("success_min_checks", COUNT, "The success rate is judged after at least this many checks."),
    _limit(
        "max_failed_checks", IN_A_ROW, "MOBIUS_MAX_FAILED_CHECKS", "More failed checks in a row than this."
    ),
    _limit("max_failed_gates", IN_A_ROW, "MOBIUS_MAX_FAILED_GATES", "More failed gates in a row than this."),
    _limit(
        "max_failed_smoke",
        IN_A_ROW,
        "MOBIUS_MAX_FAILED_SMOKE",
        "More failed smoke runs in a row than this.",
    ),
    _limit("max_cpu_pct", PERCENT, "MOBIUS_MAX_CPU", "CPU above this percentage of what there is."),
    _limit("max_memory_pct", PERCENT, "MOBIUS_MAX_MEMORY", "Memory above this percentage of what there is."),
    _figure("resources_for", Duration(zero=True), "CPU or memory must stay above for longer than this."),
    _limit(
        "max_issues",
        IN_A_ROW,
        "MOBIUS_MAX_ISSUES",
        "More issues reported by users within ten minutes than this; `off`: told, never acted on.",
    ),
)
assert {field.attr for field in THRESHOLDS} == set(PolicySettings.__dataclass_fields__) - {
    "name",
    "base",
    "note",
}

QUALITY: tuple[Item, ...] = (
    Field("include", Inside(), "A JSON file with these tables, as the operations guide has them."),
    Section(
        "audio",
        with_defaults_of(
            AudioGates,
            Field("lufs_tolerance", Number(0, 100), "Loudness may differ by this much."),
            Field("true_peak_tolerance", Number(0, 100), "True peak may differ by this much."),
            Field("units", Choice(("dB", "LU")), "The unit of the two."),
            Field("lufs_target", Number(-70, 0), "Integrated loudness where there is no reference, in LUFS."),
            Field("loudness_range_max", Number(0, 100), "Widest loudness range, in LU."),
            Field("true_peak_max", Number(-70, 20), "Highest true peak, in dBTP."),
        ),
        "Loudness of what the service produces.",
    ),
    Section(
        "video",
        with_defaults_of(
            VideoGates,
            Field("ssim_threshold", Number(0, 1), "Least similarity to the golden frames."),
            Field("frame_rate_tolerance", Number(0, 1000), "Frames per second it may differ by."),
            Field(
                "resolution_exact",
                Text('a size such as "1920x1080"', r"[1-9][0-9]*x[1-9][0-9]*"),
                "The size.",
            ),
            Field("frame_rate", Number(0, 1000), "Frames per second."),
            Field("pixel_format", Text("a pixel format of FFmpeg", r"[a-z0-9_]{1,32}"), "The pixel format."),
            Field("pixel_shape", Text('a ratio such as "1:1"', r"[1-9][0-9]*:[1-9][0-9]*"), "Of one pixel."),
        ),
        "Pictures of what the service produces.",
    ),
    Section(
        "performance",
        with_defaults_of(
            PerformanceGates,
            Field("response_time_max", Number(0), "Longest response time, in ms."),
            Field("error_rate_max", PERCENT, "Highest error rate, in percent."),
            Field("cpu_usage_max", PERCENT, "Highest CPU use, in percent."),
            Field("memory_usage_max", PERCENT, "Highest memory use, in percent."),
        ),
        "What a healthy service keeps to.",
    ),
    Section(
        "monitoring",
        with_defaults_of(
            MonitoringGates,
            Field("check_interval", Number(0, 86_400, above_least=True), "Seconds between two checks."),
            Field("failure_threshold", COUNT, "Failed checks in a row that mean unhealthy."),
            Field("recovery_threshold", COUNT, "Good checks in a row that mean healthy again."),
        ),
        "The default of `monitor`.",
    ),
)
