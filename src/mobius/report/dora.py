"""The four figures in words and as JSON, with their definitions: a number without one is compared with anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from mobius.model.dora import Dora, Figure
from mobius.report.words import counted, duration, iso, percent, wrapped

WIDTH = 80
DEFINITIONS = {
    "deployment_frequency": "deployments whose release met users, per day of the period; no restarts, no rollbacks",
    "lead_time": "from the commit that was deployed to all traffic on it; median of the deployments that got there",
    "change_failure_rate": (
        "of these deployments, those that were taken back, rolled back before the next good one, stopped by a person,"
        " or refused by their window"
    ),
    "recovery_time": "from users meeting a failed release to all traffic on a good one; median",
}


def dora_json(environment: str, told: Dora) -> dict[str, Any]:
    """One object; seconds, percent, and deployments per day."""
    figures = {
        "deployment_frequency": (told.per_day, "per day"),
        "lead_time": (told.lead_s, "s"),
        "change_failure_rate": (told.failed_pct, "percent"),
        "recovery_time": (told.recovery_s, "s"),
    }
    return {
        "schema_version": 1,
        "event": "dora",
        "environment": environment,
        "since": iso(told.since),
        "until": iso(told.until),
        "days": round((told.until - told.since) / 86_400, 3),
        "deployments": told.deployments,
        "failed": told.failed,
        "stopped_before_users": told.stopped,
        **{
            name: {**asdict(figure), "unit": unit, "interval": "95 %", "definition": DEFINITIONS[name]}
            for name, (figure, unit) in figures.items()
        },
        "notes": list(told.notes),
    }


def dora_lines(environment: str, told: Dora) -> list[str]:
    """For a terminal of 80 columns."""
    days = (told.until - told.since) / 86_400
    period = f"{environment}, {iso(told.since)[:10]} to {iso(told.until)[:10]} ({days:.0f} days)"
    lines = [f"{period}: {counted(told.deployments, 'deployment')}, {told.failed} failed"]
    rows: tuple[tuple[str, str, Figure, Callable[[float], str]], ...] = (
        ("deployment frequency", "deployment_frequency", told.per_day, lambda n: f"{n:.2g} a day"),
        ("lead time", "lead_time", told.lead_s, duration),
        ("change failure rate", "change_failure_rate", told.failed_pct, percent),
        ("recovery time", "recovery_time", told.recovery_s, duration),
    )
    for title, key, figure, words in rows:
        lines += wrapped(_said(figure, words), WIDTH, f"  {title:<21} ", " " * 24)
        lines += wrapped(DEFINITIONS[key], WIDTH, " " * 6)
    if told.stopped:
        lines += wrapped(
            f"{counted(told.stopped, 'more')} ended before any user met them".replace("mores", "more"),
            WIDTH,
            "  ",
        )
    return lines + [line for note in told.notes for line in wrapped(note, WIDTH, "  ")]


def _said(figure: Figure, words: Callable[[float], str]) -> str:
    if figure.value is None:
        return f"not known: {figure.why_not}"
    of = f"of {figure.sample}"
    if figure.low is None or figure.high is None:
        return f"{words(figure.value)} ({of}: too few for an interval)"
    return f"{words(figure.value)} ({words(figure.low)} to {words(figure.high)}, {of})"
