"""What was measured of a file, in words and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.report.words import printable

LOUDNESS = (
    ("integrated_lufs", "integrated", "LUFS"),
    ("loudness_range_lu", "range", "LU"),
    ("true_peak_dbtp", "true peak", "dBTP"),
    ("momentary_max_lufs", "momentary max", "LUFS"),
    ("short_term_max_lufs", "short-term max", "LUFS"),
)


def loudness_text(name: str, told: Mapping[str, Any]) -> str:
    """A line each, a dash where there is no measurement."""
    lines = [printable(name)]
    for key, words, unit in LOUDNESS:
        lines.append(f"  {words:<15}{_figure(told[key]):>7} {unit}")
    return "\n".join(lines)


def loudness_json(name: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """The five figures, to a hundredth; null is no measurement."""
    figures = {key: None if told[key] is None else round(told[key], 2) for key, _, _ in LOUDNESS}
    return {"schema_version": 1, "file": name, **figures}


def probe_text(name: str, told: Mapping[str, Any]) -> str:
    """The container, a line for each stream, and what is wrong."""
    seconds = "" if told["duration_s"] is None else f", {told['duration_s']:.2f} s"
    lines = [printable(name), f"  {told['container']}{seconds}, {told['size_bytes']:,} bytes"]
    lines += [f"  video  {_video(stream)}" for stream in told["video"]]
    lines += [f"  audio  {_audio(stream)}" for stream in told["audio"]]
    lines += [f"  other  {printable(kind)}" for kind in told["others"]]
    if told["corrupt_frames"] is not None:
        lines.append(f"  {told['decoded_frames']:,} frames decoded, {told['corrupt_frames']:,} corrupt")
    if told["cut"]:
        lines.append(f"  cut: {told['cut']}")
    return "\n".join(lines)


def probe_json(name: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was seen."""
    return {"schema_version": 1, "file": name, **told}


def film_facts(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and value, for a page: `told` as the job `golden` answers; nothing of a film that was not measured."""
    film = told.get("film")
    if not film:
        return []
    facts = [("Container", f"{film['container']}, {_seconds(film)}{film['size_bytes']:,} bytes")]
    facts += [("Video", _video(stream)) for stream in film["video"]]
    facts += [("Audio", _audio(stream)) for stream in film["audio"]]
    facts += loudness_facts(told.get("loudness") or {})
    return [*facts, ("SHA-256", str(film["sha256"]))]


def loudness_facts(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The five figures with their units."""
    return [
        (words.capitalize(), f"{_figure(told[key])} {unit}") for key, words, unit in LOUDNESS if key in told
    ]


def why_bad(told: Mapping[str, Any]) -> str:
    """What is wrong with a file that was read; "" where nothing is."""
    if told.get("cut"):
        return f"cut off: {told['cut']}"
    corrupt = told.get("corrupt_frames")
    return f"{corrupt:,} corrupt frames" if corrupt else ""


def _figure(value: float | None) -> str:
    return "—" if value is None else f"{value:.1f}".replace("-", "−")


def _seconds(film: Mapping[str, Any]) -> str:
    return "" if film["duration_s"] is None else f"{film['duration_s']:.2f} s, "


def _video(stream: Mapping[str, Any]) -> str:
    rate = f", {stream['frame_rate']} fps" + (" (variable)" if stream["is_variable"] else "")
    colours = ", ".join(f"{key} {value}" for key, value in sorted(stream["color"].items()))
    about = f"{stream['codec']} {stream['width']}×{stream['height']} {stream['pix_fmt']}"
    return about + (rate if stream["frame_rate"] else "") + (f", {colours}" if colours else "")


def _audio(stream: Mapping[str, Any]) -> str:
    return f"{stream['codec']} {stream['sample_rate']} Hz {stream['layout']}"
