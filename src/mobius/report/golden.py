"""Goldens in words: what was recorded, how a film compares, and who approved what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mobius.model.golden import Golden
from mobius.model.quality import Reading
from mobius.model.verdict import CheckResult
from mobius.report.words import printable


def golden_text(golden: Golden, folder: str) -> str:
    """What a golden holds."""
    video = golden.film["video"][0]
    times = ", ".join(f"{frame.at_s:g}" for frame in golden.frames)
    lines = [
        f"golden {printable(golden.game)} in {printable(folder)}",
        f"  of {printable(golden.source)}: {video['codec']} {video['width']}×{video['height']} {video['pix_fmt']}",
        f"  frames at {times} s, SSIM {golden.variant}",
    ]
    if not golden.sound_known:
        return "\n".join([*lines, "  its sound was never measured"])
    if golden.loudness is None:
        return "\n".join([*lines, "  without sound"])
    level, peak = (golden.loudness[name] for name in ("integrated_lufs", "true_peak_dbtp"))
    return "\n".join([*lines, f"  loudness {_number(level)} LUFS, true peak {_number(peak)} dBTP"])


def golden_json(golden: Golden, folder: str) -> dict[str, Any]:
    """The same as an object."""
    return {
        "schema_version": 1,
        "event": "golden",
        "game": golden.game,
        "os": golden.os,
        "folder": folder,
        "source": golden.source,
        "source_sha256": golden.source_sha256,
        "frames": [frame.at_s for frame in golden.frames],
        "ssim_variant": golden.variant,
        "loudness": golden.loudness,
    }


def history_text(entries: Sequence[Mapping[str, Any]]) -> str:
    """A few lines each, the newest first."""
    lines = []
    for entry in reversed(entries):
        lines.append(f"{entry['at']}  {printable(entry['by'])}: {printable(entry['reason'])}")
        before = str((entry.get("before") or {}).get("golden") or "")[:12] or "nothing"
        lines.append(
            f"    {before} → {entry['after']['golden'][:12]}, of {printable(str(entry.get('source')))}"
        )
        lines += [f"    {printable(picture['file'])}" for picture in entry.get("pictures", ())]
    return "\n".join(lines)


def results(readings: Sequence[Reading], game: str) -> list[CheckResult]:
    """As cases of a JUnit file."""
    return [CheckResult(one.name, one.outcome, one.message, 0.0, one.advice, group=game) for one in readings]


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.1f}".replace("-", "−")
