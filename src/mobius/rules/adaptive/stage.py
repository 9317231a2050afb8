"""Whether a stage of a canary has seen enough: a bad release would have been found by now, and was not.

Bad is what would make 1 of 100 of all requests fail at the next stage (at 10 % of the traffic: a rise by 10 percentage
points), or answers that are 1.5 times slower. Enough is a chance of four in five to have found either. Where response
times are too noisy for that, a stage whose time is over may be passed with what it could see: answers 2 or 3 times
slower. Slow answers do less harm than failed requests, and the stages and the window that follow see more of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf

from mobius.model.baseline import Block, added
from mobius.model.sample import Sample
from mobius.rules.adaptive import Adaptive
from mobius.rules.adaptive.evidence import Evidence
from mobius.rules.adaptive.power import LIKELY, Pace, seconds_until_seen, slower
from mobius.rules.adaptive.words import share, time_about

HARM_PCT = 1.0  # of all requests at the next stage
SLOWER = 1.5
MUCH_SLOWER = (2.0, 3.0)  # what is seen of response times that are noisier
MOST_RISE = 0.5
WHOLE = "traffic"
CONTROL = "control"  # what the release before answers meanwhile; "control:/api" on one route


@dataclass(frozen=True, slots=True)
class Enough:
    """`sentence` says what would have been found, or what is missing; `needed_s`: how long the stage has to be in all
    at this pace (infinite without any requests). `at_last`: what would have been found, where that is enough for a
    stage that has no more time; "" where it is not."""

    is_enough: bool
    sentence: str
    needed_s: float
    advice: str = ""
    at_last: str = ""


def seen_enough(adaptive: Adaptive, samples: Sequence[Sample], since: float, next_percent: float) -> Enough:
    """Of the samples after `since` (unix seconds, when the weights were last moved), for a step to `next_percent` of
    the traffic. `adaptive`: the test that was fed with them all."""
    here = [sample for sample in samples if sample.at > since and not sample.missing]
    new = added(_block(sample) for sample in here if sample.signal == WHOLE)
    old = added(_block(sample) for sample in here if sample.signal == CONTROL)
    seen_s = max((sample.at for sample in here if sample.signal == WHOLE), default=since) - since
    if not new.requests or seen_s <= 0:
        return Enough(False, "no request has come to the new release in this stage", inf, ADVICE)
    pace = Pace(new.requests / seen_s, old.requests / seen_s)
    rise = min(HARM_PCT / max(next_percent, HARM_PCT), MOST_RISE)
    to, errors_s = _errors(adaptive, pace, rise)
    answers = old if sum(old.histogram) else new
    wanted = {f"a rise of errors to {share(to)}": errors_s}
    slow_s = _slow(adaptive, pace, answers, SLOWER)
    if slow_s is not None:
        wanted[_slower(SLOWER)] = slow_s
    what, needed_s = max(wanted.items(), key=lambda one: one[1])
    told = f"{new.requests:,} requests in {time_about(seen_s)}"
    if seen_s >= needed_s:
        return Enough(True, f"{told}: {' and '.join(wanted)} would have been found", needed_s)
    at_last = ""
    if errors_s <= seen_s:
        seen = (one for one in MUCH_SLOWER if (_slow(adaptive, pace, answers, one) or 0.0) <= seen_s)
        if (times := next(seen, None)) is not None:
            found = f"a rise of errors to {share(to)} and {_slower(times)} would have been found"
            at_last = f"{told}: {found}; {what} {_only_after(needed_s, pace)}"
    if needed_s == inf:
        return Enough(
            False, f"{told}: {what} would not be found, however long it takes", inf, ADVICE, at_last
        )
    return Enough(
        False, f"{told}: to find {what} {_needs(needed_s, seen_s, pace)}", needed_s, ADVICE, at_last
    )


def _slower(times: float) -> str:
    return f"answers {times:g} times slower"


def _only_after(needed_s: float, pace: Pace) -> str:
    if needed_s == inf:
        return "would not be, however long it takes"
    return f"only after {time_about(needed_s)} (about {ceil(needed_s * pace.per_s):,} requests)"


def _needs(needed_s: float, seen_s: float, pace: Pace) -> str:
    """How long in all, how many requests that is, and how much of it is missing."""
    more_s = needed_s - seen_s
    more = f"{time_about(more_s)} or {ceil(more_s * pace.per_s):,} requests more"
    return (
        f"needs {time_about(needed_s)} (about {ceil(needed_s * pace.per_s):,} requests) at this pace: {more}"
    )


ADVICE = "longer stages (canary.stage_max), a larger first stage, or synthetic load"


def _errors(adaptive: Adaptive, pace: Pace, rise: float) -> tuple[float, float]:
    evidence, weight = adaptive.channels[0]
    to = min(_was(evidence, pace) + rise, 0.99)
    return to, _needed_s(adaptive, evidence, weight, to, pace)


def _slow(adaptive: Adaptive, pace: Pace, answers: Block, times: float) -> float | None:
    """When answers so many times slower are found, by the channel that sees it first; None where no times are
    taken."""
    moved = slower(answers.histogram, times)
    of = sum(moved)
    if not of or len(adaptive.channels) < 2:
        return None
    found = [
        _needed_s(adaptive, evidence, weight, sum(moved[evidence.ceiling.above + 1 :]) / of, pace)
        for evidence, weight in adaptive.channels[1:]
    ]
    return min(found)


def _needed_s(adaptive: Adaptive, evidence: Evidence, weight: float, to: float, pace: Pace) -> float:
    return seconds_until_seen(evidence, to, pace, weight=weight, threshold=adaptive.threshold, chance=LIKELY)


def _was(evidence: Evidence, pace: Pace) -> float:
    return evidence.control.share if pace.control_per_s else evidence.ceiling.was


def _block(sample: Sample) -> Block:
    return Block(sample.requests, sample.errors, sample.histogram)
