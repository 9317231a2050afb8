"""Loudness, its range and the true peak against the guide's figures, from a measurement or FFmpeg's summary of one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mobius.errors import GateUnknown
from mobius.model.quality import AudioGates, Reading
from mobius.rules.quality.readings import at_most, near

RUN_AGAIN = (
    "measure it so: ffmpeg -hide_banner -nostats -i FILE -vn -af ebur128=peak=true -f null - 2> ebur128.txt"
)
FLOOR_LUFS = -70.0  # the absolute gate: FFmpeg prints it where it has measured nothing at all
_SUMMARY = re.compile(r"\bSummary:\s*$", re.MULTILINE)
_TRUE_PEAK = re.compile(r"^\s*True peak:\s*$", re.MULTILINE)
_LINES = {
    "integrated_lufs": re.compile(r"^\s*I:\s*([-+.\w]+)\s*LUFS\s*$", re.MULTILINE),
    "loudness_range_lu": re.compile(r"^\s*LRA:\s*([-+.\w]+)\s*LU\s*$", re.MULTILINE),
    "true_peak_dbtp": re.compile(r"^\s*Peak:\s*([-+.\w]+)\s*dBFS\s*$", re.MULTILINE),
}


def of_summary(text: str) -> dict[str, float | None]:
    """What FFmpeg's `ebur128` printed at its end; the running lines before it are no result. Raises `GateUnknown` for
    a text without that summary. A number that was not printed is None, and so is "nothing measured" (-70.0, -inf)."""
    found = list(_SUMMARY.finditer(text))
    if not found:
        raise GateUnknown(
            "no summary of ebur128 in this text", f"it was cut, or is of something else; {RUN_AGAIN}"
        )
    summary = text[found[-1].end() :]
    numbers = {name: _number(line.search(summary)) for name, line in _LINES.items()}
    true_peak = _TRUE_PEAK.search(summary)  # with `peak=sample` there is another peak, which is no true one
    line = _LINES["true_peak_dbtp"]
    numbers["true_peak_dbtp"] = _number(line.search(summary, true_peak.end())) if true_peak else None
    if numbers["integrated_lufs"] is not None and numbers["integrated_lufs"] <= FLOOR_LUFS:
        numbers["integrated_lufs"] = None
    return numbers


def judge_audio(told: Mapping[str, float | None], gates: AudioGates) -> tuple[Reading, ...]:
    """One reading each for loudness, range and true peak."""
    louder = "normalise the loudness when rendering (loudnorm), then render again"
    return (
        near(
            "integrated loudness",
            told.get("integrated_lufs"),
            gates.lufs_target,
            gates.lufs_tolerance,
            "LUFS",
            advice=louder,
            why="silence, or too short to have a loudness",
        ),
        at_most(
            "loudness range",
            told.get("loudness_range_lu"),
            gates.loudness_range_max,
            "LU",
            advice="compress the speech: its quiet parts are lost beside its loud ones",
            why="silence, or too short to have a range",
        ),
        at_most(
            "true peak",
            told.get("true_peak_dbtp"),
            gates.true_peak_max,
            "dBTP",
            advice="limit the peaks: a player will clip them"
            if told.get("true_peak_dbtp") is not None
            else RUN_AGAIN,
            why="nobody measured it, or silence",
        ),
    )


def _number(found: re.Match[str] | None) -> float | None:
    if found is None:
        return None
    try:
        value = float(found[1])
    except ValueError:
        return None
    return value if abs(value) != float("inf") and value == value else None
