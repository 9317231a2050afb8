"""Whether a stage of a canary has seen enough: a bad release would have been found by now, and was not.

Bad is what would make 1 of 100 of all requests fail at the next stage (at 10 % of the traffic: a rise by 10 percentage
points), or answers that are 1.5 times slower. Enough is a chance of four in five to have found either.
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
MOST_RISE = 0.5
WHOLE = "traffic"
CONTROL = "control"  # what the release before answers meanwhile; "control:/api" on one route


@dataclass(frozen=True, slots=True)
class Enough:
    """`sentence` says what would have been found, or what is missing; `needed_s`: how long the stage has to be in all
    at this pace (infinite without any requests)."""

    is_enough: bool
    sentence: str
    needed_s: float
    advice: str = ""


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
    wanted = {f"a rise of errors to {share(to)}": errors_s}
    slow_s = _slow(adaptive, pace, old if sum(old.histogram) else new)
    if slow_s is not None:
        wanted[f"answers {SLOWER:g} times slower"] = slow_s
    what, needed_s = max(wanted.items(), key=lambda one: one[1])
    told = f"{new.requests:,} requests in {time_about(seen_s)}"
    if seen_s >= needed_s:
        return Enough(True, f"{told}: {' and '.join(wanted)} would have been found", needed_s)
    if needed_s == inf:
        return Enough(False, f"{told}: {what} would not be found, however long it takes", inf, ADVICE)
    need = f"needs {time_about(needed_s)} (about {ceil(needed_s * pace.per_s):,} requests) at this pace"
    return Enough(False, f"{told}: to find {what} {need}", needed_s, ADVICE)


ADVICE = "longer stages (canary.stage_max), a larger first stage, or synthetic load"


def _errors(adaptive: Adaptive, pace: Pace, rise: float) -> tuple[float, float]:
    evidence, weight = adaptive.channels[0]
    to = min(_was(evidence, pace) + rise, 0.99)
    return to, _needed_s(adaptive, evidence, weight, to, pace)


def _slow(adaptive: Adaptive, pace: Pace, answers: Block) -> float | None:
    """By the channel that sees it first; None where no times are taken."""
    moved = slower(answers.histogram, SLOWER)
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
