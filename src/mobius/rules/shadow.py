"""The score of a watch: what it would have taken back, held against what people did with the release afterwards."""

from __future__ import annotations

from collections.abc import Iterable

from mobius.model.score import Fate, Score, ScoredWindow
from mobius.rules.adaptive.bounds import share_above

WOULD = "would roll back"  # the event: a no that a shadow did not act on
SETTLED_S = 86_400.0  # a release that nobody took back for so long was healthy
ENOUGH = 20  # healthy windows, before anybody should rely on what they say
LEVEL = 0.025  # on either side: an interval of 95 %


def score(windows: Iterable[ScoredWindow]) -> Score:
    """How right the watch was, of windows whose end is known."""
    there = tuple(windows)
    healthy = [one for one in there if one.fate is Fate.HEALTHY]
    false_alarms = sum(bool(one.alarm_at) for one in healthy)
    bad = [one for one in there if one.fate is Fate.TAKEN_BACK]
    earlier = tuple(one.seen_before_s for one in bad if one.seen_before_s is not None)
    return Score(
        there,
        len(healthy),
        false_alarms,
        len(bad),
        len(earlier),
        earlier,
        interval(false_alarms, len(healthy)) if healthy else None,
        _advice(len(healthy), false_alarms),
    )


def interval(hits: int, of: int) -> tuple[float, float, float]:
    """In percent: the lowest and the highest share that go with what was seen, and that between them."""
    lowest = 1 - share_above(of - hits, of, LEVEL) if hits else 0.0
    return 100 * lowest, 100 * hits / of, 100 * share_above(hits, of, LEVEL)


def _advice(healthy: int, false_alarms: int) -> str:
    if healthy < ENOUGH:
        return f"too early to say: {healthy} of {ENOUGH} healthy windows"
    if false_alarms:
        return "look at each false alarm first: a policy or a signal is too strict for this service"
    return "arm the rollback: shadow = false in [monitor], and auto_rollback = true"
