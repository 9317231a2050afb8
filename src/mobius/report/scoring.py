"""The score of the watch, for `mobius monitor score`: false alarms with their interval, and what was seen how early."""

from __future__ import annotations

from typing import Any

from mobius.model.score import Fate, Score, ScoredWindow
from mobius.report.words import clock, counted, duration, wrapped


def score_text(score: Score, now: float, width: int = 80) -> str:
    """The counts, each window in which they differ, and what to do."""
    lines = wrapped(_healthy(score), width) + wrapped(_taken_back(score), width)
    others = [one for one in score.windows if one.fate in (Fate.ACTED_ON, Fate.UNKNOWN)]
    if others:
        acted = sum(one.fate is Fate.ACTED_ON for one in others)
        rest = (
            f"not counted: {acted:,} rolled back by the watch itself, {len(others) - acted:,} not settled yet"
        )
        lines += wrapped(rest, width)
    for one in score.windows:
        if words := _line(one, now):
            lines += wrapped(words, width, "  ", "    ")
    return "\n".join([*lines, *wrapped(score.advice, width)])


def score_json(score: Score) -> dict[str, Any]:
    """The same as plain JSON types."""
    low, seen, high = score.false_pct or (None, None, None)
    return {
        "schema_version": 1,
        "event": "score",
        "healthy": score.healthy,
        "false_alarms": score.false_alarms,
        "false_alarms_pct": seen,
        "interval_95_pct": None if score.false_pct is None else [low, high],
        "taken_back": score.taken_back,
        "seen": score.seen,
        "earlier_s": list(score.earlier_s),
        "advice": score.advice,
        "windows": [
            {
                "run": one.run_id,
                "tag": one.tag,
                "opened_at": one.opened_at,
                "fate": str(one.fate),
                "alarm_at": one.alarm_at or None,
                "rule": one.rule,
                "sentence": one.sentence,
                "taken_back_at": one.taken_back_at or None,
                "seen_before_s": one.seen_before_s,
            }
            for one in score.windows
        ],
    }


def _healthy(score: Score) -> str:
    if score.false_pct is None:
        return "no healthy window yet: accepted, and nobody went back within a day"
    low, seen, high = score.false_pct
    told = f"{counted(score.healthy, 'healthy window')}, {score.false_alarms:,} would have been rolled back"
    return f"{told}: {seen:.1f} % (95 %: {low:.1f} to {high:.1f} %)"


def _taken_back(score: Score) -> str:
    if not score.taken_back:
        return "no release was taken back by a person"
    told = (
        f"{counted(score.taken_back, 'release')} taken back by a person, {score.seen:,} of them seen before"
    )
    if not score.earlier_s:
        return told
    middle = sorted(score.earlier_s)[len(score.earlier_s) // 2]
    return f"{told}, by {duration(round(middle))} in the middle"


def _line(one: ScoredWindow, now: float) -> str:
    run = f"run {one.run_id} {one.tag}, {clock(one.opened_at, now)}"
    if one.fate is Fate.HEALTHY and one.alarm_at:
        return f"false alarm: {run}, after {duration(round(one.alarm_at - one.opened_at))}: {one.sentence}"
    if one.fate is Fate.TAKEN_BACK and one.seen_before_s is None:
        return f"not seen: {run}, taken back by a person"
    if one.seen_before_s is not None:
        return f"seen {duration(round(one.seen_before_s))} before a person: {run}: {one.sentence}"
    return ""
