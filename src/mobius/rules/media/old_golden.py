"""The goldens of the scripts before: container.json and audio_stats.json, as far as they know anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.errors import GateUnknown
from mobius.model.golden import LEGACY, METER, Golden

BACK = "take it back from version control; it is what generate_golden.js wrote"


def old_golden(container: Any, sound: Any, *, game: str, os: str, at: str) -> Golden:
    """The record, still without frames. Colours and the set of streams it never knew. Raises `GateUnknown` for a
    container.json without a video."""
    video = container.get("video") if isinstance(container, dict) else None
    if not isinstance(video, dict) or not video.get("codec_name"):
        raise GateUnknown("container.json has no video", BACK)
    about = container.get("format") if isinstance(container.get("format"), dict) else {}
    stream = {
        "codec": video["codec_name"],
        "width": video.get("width"),
        "height": video.get("height"),
        "pix_fmt": video.get("pix_fmt"),
        "frame_rate": video.get("avg_frame_rate"),
        "sar": str(video.get("sample_aspect_ratio") or "1:1").replace(":", "/"),
    }
    film: dict[str, Any] = {"video": [stream], "duration_s": _float(about.get("duration"))}
    if about.get("nb_streams") == 1:
        film["audio"] = []
    loudness = _loudness(sound if isinstance(sound, dict) else {})
    return Golden(
        game=game,
        os=os,
        source=str(container.get("input") or ""),
        source_sha256="",
        taken_at=at,
        variant=LEGACY,
        meter=METER,
        ffmpeg="",
        film=film,
        sound_known=loudness is not None or about.get("nb_streams") == 1,
        loudness=loudness,
        frames=(),
    )


def _loudness(sound: Mapping[str, Any]) -> dict[str, float | None] | None:
    """None where it was not measured. "No audio stream" in its note is no proof: its meter never found any."""
    figures = {
        "integrated_lufs": _float(sound.get("integrated_lufs")),
        "loudness_range_lu": _float(sound.get("loudness_range_lu")),
        "true_peak_dbtp": _float(sound.get("true_peak_db")),
    }
    known = figures["integrated_lufs"] is not None and figures["true_peak_dbtp"] is not None
    return figures if known else None


def _float(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if abs(number) < 1e9 else None
