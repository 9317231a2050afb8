"""A disarmed window: until when, what of the time is not judged, and what that leaves of a verdict.

While it is disarmed everything is measured and kept. For the judgement that time is cut out: what comes after it is
moved up to what was before, so that neither a rate, a row of failed checks nor a gap is made of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mobius.model.run import Event
from mobius.model.sample import Sample
from mobius.model.status import DisarmNow
from mobius.model.verdict import Outcome, Verdict
from mobius.rules.health.words import limit_percent, minutes

DISARMED, ARMED = "disarmed", "armed"
LONGEST_S = 8 * 3600.0
MOST_PCT = 20.0  # of a window may be left out of a pass


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which the window was disarmed, in unix seconds."""

    start: float
    end: float
    reason: str = ""

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.end - self.start


def disarm_of(last: Event | None, now: float) -> DisarmNow | None:
    """What holds now. `last` is the newest event of the two kinds. A clock that was set back keeps it; only reaching
    its end, or a person, ends it."""
    if last is None or last.kind != DISARMED:
        return None
    until = float(last.data.get("until") or 0.0)
    if now >= until:
        return None
    return DisarmNow(who=last.who, since=last.at, until=until, reason=str(last.data.get("reason") or ""))


def spans_of(
    events: Sequence[Event], *, opened_at: float, now: float, and_s: float = 0.0
) -> tuple[Span, ...]:
    """The times since `opened_at` in which it was disarmed, up to now. `events`: all of the two kinds, oldest first;
    `and_s`: the first look after each counts what came before it, and belongs to it."""
    found: list[Span] = []
    for place, event in enumerate(events):
        if event.kind != DISARMED:
            continue
        after = events[place + 1].at if place + 1 < len(events) else float("inf")
        end = min(float(event.data.get("until") or 0.0), after) + and_s
        start = max(min(event.at, now) if after == float("inf") else event.at, opened_at)
        if found:
            start = max(start, found[-1].end)
        if min(end, now) > start:
            found.append(Span(start, min(end, now), str(event.data.get("reason") or "")))
    return tuple(found)


def closed_up(samples: Sequence[Sample], spans: Sequence[Span]) -> Sequence[Sample]:
    """Those outside of the spans, moved up."""
    if not spans:
        return samples
    there = (s for s in samples if not any(span.start < s.at <= span.end for span in spans))
    return [replace(sample, at=moved_up(sample.at, spans)) for sample in there]


def moved_up(at: float, spans: Sequence[Span]) -> float:
    """A time, without what was disarmed before it."""
    return at - sum(min(at, span.end) - span.start for span in spans if span.start < at)


def at_the_end(verdict: Verdict, spans: Sequence[Span], window_s: float) -> Verdict:
    """The last word on a window of which some was not judged: a pass only where that was little, and always said."""
    away_s = sum(span.seconds for span in spans)
    if not away_s:
        return verdict
    why = "; ".join(dict.fromkeys(span.reason for span in spans if span.reason))
    of_it = f"disarmed for {minutes(away_s)} of {minutes(window_s)}"
    if verdict.outcome is Outcome.PASS and 100 * away_s > MOST_PCT * window_s:
        too_much = f"{of_it} (more than {limit_percent(MOST_PCT)}: no pass by itself): {why}"
        told = f"{too_much}; in the rest {verdict.sentence}"
        return Verdict(Outcome.INCONCLUSIVE, told, "disarmed")
    return replace(verdict, sentence=f"{verdict.sentence}; {of_it}, which is not judged: {why}")
