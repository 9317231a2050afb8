"""How far the response times of a baseline wander: what goes up and down by itself is no fault of a release.

A series of minutes in which each is like the one before holds fewer independent values than minutes; how far it may yet
go is told from those few, by Student's t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import exp, log, sqrt

from mobius.model.baseline import Block
from mobius.rules.adaptive.bounds import student

BUCKET = log(1.25)  # how much slower the next bucket is
BUSY = 200  # requests a minute: with fewer, minutes say nothing of wander
SIGNIFICANT = 2.33  # standard deviations: 1 in 100 by chance
WANDER_QUANTILE, WANDER_MOST = 0.998, 6.0
SCALE_NOISE = 0.0003  # the variance of a minute's log median that is no wander
SCALE_MOST = log(2.1)  # a baseline that wanders further hides everything: rather a false alarm


@dataclass(frozen=True, slots=True)
class Scale:
    """How far all answers together wander up and down: tolerated factor (as a logarithm), and for how long."""

    log_factor: float = 0.0
    constant_s: float = 0.0


def wander_of_share(minutes: Sequence[tuple[int, int]]) -> float:
    """Where the share would wander to, on the scale of log odds; 0 where it scatters by chance alone."""
    odds = [log((bad + 0.5) / (of - bad + 0.5)) for bad, of in minutes]
    chance = sum(1 / (bad + 0.5) + 1 / max(of - bad + 0.5, 0.5) for bad, of in minutes) / len(minutes)
    walk = Walk.of(odds)
    if walk.variance <= chance * (1 + SIGNIFICANT * sqrt(2 / (len(minutes) - 1))):
        return 0.0
    return 1 / (1 + exp(-(walk.mean + walk.reach)))


def wander_of_scale(minutes: Sequence[Block]) -> Scale:
    """Of the median of all answers, from minute to minute."""
    busy = [minute for minute in minutes if sum(minute.histogram) >= BUSY]
    if len(busy) < max(5, len(minutes) / 2):
        return Scale()
    walk = Walk.of([_log_median(minute.histogram) for minute in busy])
    if walk.covariance <= SCALE_NOISE:
        return Scale()
    constant_s = -60.0 / log(min(max(walk.correlation, 0.05), 0.96))
    return Scale(min(walk.reach, SCALE_MOST), constant_s)


def _log_median(histogram: Sequence[int]) -> float:
    """In buckets' logarithms: only differences count."""
    half, seen = sum(histogram) / 2, 0
    for index, count in enumerate(histogram):
        if count and seen + count >= half:
            return BUCKET * (index + (half - seen) / count)
        seen += count
    return 0.0


@dataclass(frozen=True, slots=True)
class Walk:
    """A series that wanders: each minute is like the one before. `reach`: how far above its mean it may be found, from
    as few independent values as there are."""

    mean: float
    variance: float
    covariance: float  # of neighbours: what is left of the variance without the noise of measuring
    correlation: float
    reach: float = 0.0

    @classmethod
    def of(cls, series: Sequence[float]) -> Walk:
        many = len(series)
        mean = sum(series) / many
        off = [value - mean for value in series]
        variance = sum(value * value for value in off) / many
        covariance = sum(one * other for one, other in pairwise(off)) / (many - 1)
        correlation = min(max(covariance / max(variance, 1e-12), 0.0), 0.97)
        # a short series looks less correlated than it is (Kendall 1954)
        correlation = min(correlation + (1 + 3 * correlation) / many, 0.97)
        independent = max(many * (1 - correlation) / (1 + correlation), 2.2)
        times = student(WANDER_QUANTILE, independent - 1, WANDER_MOST)
        spread = max(covariance, 0.0) / (1 - 1 / independent) * (1 + 1 / independent)
        return replace(cls(mean, variance, covariance, correlation), reach=times * sqrt(spread))
