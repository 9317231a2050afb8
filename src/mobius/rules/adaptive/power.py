"""What the sequential test can see, and how soon: said before a window, and asked before a canary takes the next step.

A bet grows by a known mean for every second of a given trouble, and scatters around it. It is seen when the best of
them has grown from its stake to the threshold, after the stretch that is forgiven.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erf, inf, log, sqrt

from mobius.rules.adaptive.control import is_control
from mobius.rules.adaptive.evidence import Evidence, most_a_second
from mobius.rules.adaptive.stakes import FIRST_STAKE
from mobius.rules.adaptive.wander import BUCKET

TICK_S = 5.0
LIKELY = 0.8  # the chance to be found that is enough to go on
MEDIAN = 0.5
STEPS = 40  # of a bisection
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Pace:
    """How much traffic there is: requests a second of the new release, and of the one before beside it (0: none)."""

    per_s: float
    control_per_s: float = 0.0


def seconds_until_seen(
    evidence: Evidence,
    share: float,
    pace: Pace,
    *,
    weight: float,
    threshold: float,
    chance: float = MEDIAN,
) -> float:
    """After how many seconds a release of which this share is bad in the channel of `evidence`, from its start on, has
    been found with this chance. `weight`: of the channel in the whole bet; infinite where it is not found at all."""
    if not pace.per_s or not (evidence.bets or is_control(pace.per_s, pace.control_per_s)):
        return inf
    wanted = log(threshold * len(evidence.odds) / (weight * FIRST_STAKE))
    forgiven = evidence.ceiling.blip_s / TICK_S
    most = most_a_second(evidence.ceiling) * TICK_S
    least = min(
        _ticks(min(growth, most), scatter, wanted, chance, forgiven)
        for growth, scatter in _bets(evidence, share, pace)
    )
    return (least + forgiven + 1) * TICK_S if forgiven else least * TICK_S


def requests_needed(
    evidence: Evidence,
    share: float,
    pace: Pace,
    *,
    weight: float,
    threshold: float,
    chance: float = LIKELY,
) -> float:
    """The same in requests of the new release, at this pace."""
    needed_s = seconds_until_seen(evidence, share, pace, weight=weight, threshold=threshold, chance=chance)
    return needed_s * pace.per_s if needed_s < inf else inf


def least_share_seen(
    evidence: Evidence, pace: Pace, within_s: float, *, weight: float, threshold: float
) -> float:
    """The smallest share that is more likely found than not within so many seconds; 1 where not even a release that
    fails as a whole is."""
    low, high = _tolerated(evidence, pace), 1.0
    for _ in range(STEPS):
        middle = sqrt(low * high)
        is_seen = seconds_until_seen(evidence, middle, pace, weight=weight, threshold=threshold) <= within_s
        low, high = (low, middle) if is_seen else (middle, high)
    return high


def slower(histogram: Sequence[float], times: float) -> list[float]:
    """The answers in `histogram`, each so many times slower."""
    whole, part = divmod(log(times) / BUCKET, 1)
    moved = [0.0] * len(histogram)
    last = len(histogram) - 1
    for index, count in enumerate(histogram):
        moved[min(index + int(whole), last)] += count * (1 - part)
        moved[min(index + int(whole) + 1, last)] += count * part
    return moved


def _tolerated(evidence: Evidence, pace: Pace) -> float:
    if is_control(pace.per_s, pace.control_per_s):
        return evidence.control.tolerated
    return evidence.ceiling.share


def _bets(evidence: Evidence, share: float, pace: Pace) -> list[tuple[float, float]]:
    """Of every alternative: how much it grows in a tick on average, and with what variance."""
    of = pace.per_s * TICK_S
    bad = share * of
    by_chance = bad * (1 - share)
    found: list[tuple[float, float]] = []
    if not is_control(pace.per_s, pace.control_per_s):
        clumps = evidence.ceiling.clumping * evidence.ceiling.block_s / TICK_S * bad * bad
        for bet in evidence.bets:
            growth = bet.log_ratio(bad, of, TICK_S)
            one_more = bet.log_ratio(bad + 1, of, TICK_S) - growth
            found.append((growth, one_more**2 * (by_chance + clumps)))
        return found
    old_of = pace.control_per_s * TICK_S
    old = evidence.control.share * old_of
    by_chance_old = old * (1 - evidence.control.share)
    for beside in evidence.control.bets(of / old_of):
        growth = beside.log_ratio((bad, of), (old, old_of))
        one_more = beside.log_ratio((bad + 1, of), (old, old_of)) - growth
        one_more_old = beside.log_ratio((bad, of), (old + 1, old_of)) - growth
        found.append((growth, one_more**2 * by_chance + one_more_old**2 * by_chance_old))
    return found


def _ticks(growth: float, scatter: float, wanted: float, chance: float, forgiven: float) -> float:
    """How many until a walk with this drift and variance has come so far with this chance. What is forgiven is its
    steepest stretch, and the more of them there are, the steeper is one of them by chance."""
    if growth <= 0:
        return inf
    spread = _normal_quantile(chance) * sqrt(scatter)
    ticks = _first_passage(growth, spread, wanted)
    for _ in range(ROUNDS if forgiven else 0):
        steeper = sqrt(2 * log(1 + ticks / forgiven) * scatter * forgiven)
        ticks = _first_passage(growth, spread, wanted + steeper)
    return ticks


def _first_passage(growth: float, spread: float, wanted: float) -> float:
    return float(((spread + sqrt(spread * spread + 4 * growth * wanted)) / (2 * growth)) ** 2)


def _normal_quantile(chance: float) -> float:
    low, high = -8.0, 8.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 + erf(middle / sqrt(2))) / 2 < chance else (low, middle)
    return (low + high) / 2
