"""The quality gates' readings, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mobius.model.quality import Reading
from mobius.model.verdict import Outcome
from mobius.report.words import printable

SIGNS = {Outcome.PASS: "✓", Outcome.FAIL: "✗"}


def readings_text(readings: Sequence[Reading]) -> str:
    """Sign and sentence, and below what failed its advice."""
    lines = []
    for reading in readings:
        lines.append(f"{SIGNS.get(reading.outcome, '?')} {printable(reading.message)}")
        if reading.advice and reading.outcome is not Outcome.PASS:
            lines.append(f"    {printable(reading.advice)}")
    return "\n".join(lines)


def reading_json(reading: Reading) -> dict[str, Any]:
    """One object a gate."""
    return {
        "schema_version": 1,
        "event": "gate",
        "name": reading.name,
        "outcome": str(reading.outcome),
        "value": reading.value,
        "limit": reading.limit,
        "message": reading.message,
        "advice": reading.advice,
    }
