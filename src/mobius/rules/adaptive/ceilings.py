"""From the previous release to what is tolerated of the new one: a ceiling for each channel, and how it may scatter.

Four channels: requests that failed, and requests slower than the baseline's p50, p95 and p99 (with 25 % to spare). A
ceiling is a share that a release no worse than tolerated stays under, whenever one looks. What the baseline shows of
bursts and of slow wander raises ceilings and lowers what one bad moment counts; the report says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import exp, log, sqrt

from mobius.model.baseline import Baseline, Block
from mobius.rules.adaptive.bounds import share_above, student

ALPHA = 0.001  # the chance of a false alarm that is claimed, in a whole window
LEVEL = 0.2 * ALPHA / 4  # a fifth of it is spent on the ceilings: one of four channels
QUANTILES = (0.5, 0.95, 0.99)
ERRORS_TIMES, ERRORS_MORE = 1.5, 0.0005  # tolerated: half as many again, or 0.05 percentage points more
BUCKET = log(1.25)  # how much slower the next bucket is
BUSY = 200  # requests a minute: with fewer, minutes say nothing of wander
SIGNIFICANT = 2.33  # standard deviations: 1 in 100 by chance
WANDER_QUANTILE, WANDER_MOST = 0.998, 6.0
SCALE_NOISE = 0.0003  # the variance of a minute's log median that is no wander
SCALE_MOST = log(2.1)  # a baseline that wanders further hides everything: rather a false alarm
BLIP_S = 30.0  # the longest bad moment that is forgiven
SLOWER = 2.0  # so many times longer where answers are slow: at a start they are, for a minute
PATIENCE, PATIENCE_MOST_S = 1.2, 300.0  # where answers wander: so many times their time constant longer


@dataclass(frozen=True, slots=True)
class Ceiling:
    """One channel. `share`: what is tolerated, `was`: what it was; `above`: bad is what lies in a later bucket than
    this one (-1: what failed).

    `clumping`: how errors come in bursts, as the variance of their rate in blocks of `block_s` beyond chance, relative
    to its square; `phi`: by how much slow answers scatter more than by chance. `blip_s`: the longest forgiven moment.
    `before`: the share that is bad of the release before by the measure of a control, which is a bucket stricter.
    A share of 1 is no ceiling: nothing is known of before.
    """

    name: str
    share: float
    was: float
    above: int = -1
    clumping: float = 0.0
    block_s: float = 30.0
    phi: float = 1.0
    blip_s: float = BLIP_S
    wanders: bool = False
    before: float = 0.0

    @property
    def is_known(self) -> bool:
        """Whether there is a ceiling at all."""
        return self.share < 1


def ceilings(
    baseline: Baseline | None, share_of_alpha: float = 1.0, blip_s: float = BLIP_S
) -> tuple[Ceiling, ...]:
    """Errors first; then, where times are there, one for each of three quantiles. `share_of_alpha`: what part of the
    claimed chance they may spend; `blip_s`: the longest bad moment that is forgiven, of slow answers twice as long."""
    if baseline is None or not baseline.total.requests:
        return (Ceiling("errors", 1.0, 0.0, blip_s=blip_s),)
    level = LEVEL * share_of_alpha
    found = [replace(_of_errors(baseline, level), blip_s=blip_s)]
    if sum(baseline.total.histogram):
        scale = _wander_of_scale(baseline.minutes)
        found += [_of_latency(quantile, baseline, scale, level, blip_s) for quantile in QUANTILES]
    return tuple(found)


def without_ceiling(histogram: Sequence[int], blip_s: float = BLIP_S) -> tuple[Ceiling, ...]:
    """The channels of slow answers where nothing is known but what the control has answered: no ceilings, only
    where to count from."""
    edges = [(quantile, _bucket_of(histogram, quantile)) for quantile in QUANTILES]
    return tuple(
        Ceiling(f"slower than p{quantile * 100:g}", 1.0, 0.0, above=edge + 1, blip_s=SLOWER * blip_s)
        for quantile, edge in edges
    )


# -- errors -------------------------------------------------------------------------------------------------------


def _of_errors(baseline: Baseline, level: float) -> Ceiling:
    bad, of = baseline.total.errors, baseline.total.requests
    was = bad / of if of else 0.0
    share = max(share_above(bad, of, level), ERRORS_TIMES * was, was + ERRORS_MORE)
    clumping, block_s = _clumping(baseline, was)
    share = min(max(share, 1e-9), 0.9)
    return Ceiling("errors", share, was, clumping=clumping, block_s=block_s, before=was)


def _clumping(baseline: Baseline, was: float) -> tuple[float, float]:
    """By the method of moments: (variance - mean) / mean², over blocks in which half an error is expected, or more."""
    size, most = 1, max(1, len(baseline.blocks) // 12)
    while True:
        blocks = baseline.grouped(size)
        expected = [was * block.requests for block in blocks]
        if not blocks or sum(expected) >= 0.5 * len(blocks) or size >= most:
            break
        size += 1
    squares = sum(mean * mean for mean in expected)
    if not squares or sum(expected) < 0.5 * len(blocks):
        return 0.0, baseline.block_s
    beyond = sum(
        (block.errors - mean) ** 2 - block.errors for block, mean in zip(blocks, expected, strict=True)
    )
    return min(max(beyond / squares, 0.0), 10.0), baseline.block_s * size


# -- slow answers -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Scale:
    """How far all answers together wander up and down: tolerated factor (as a logarithm), and for how long."""

    log_factor: float = 0.0
    constant_s: float = 0.0


def _of_latency(quantile: float, baseline: Baseline, scale: _Scale, level: float, blip_s: float) -> Ceiling:
    total = baseline.total.histogram
    of = sum(total)
    edge = _bucket_of(total, quantile)
    share = share_above(sum(total[edge + 1 :]), of, level)
    pairs = [(sum(block.histogram[edge + 1 :]), sum(block.histogram)) for block in baseline.blocks]
    minutes = [(sum(minute.histogram[edge + 1 :]), sum(minute.histogram)) for minute in baseline.minutes]
    wandered = 0.0
    if len(minutes) > 2 and min(n for _, n in minutes) >= BUSY:
        share = max(share, sorted(bad / n for bad, n in minutes)[-2])
        wandered = _wander_of_share(minutes)
        share = max(share, wandered)
    if scale.log_factor:
        share = max(share, _share_slower(total, edge + 1 - max(scale.log_factor / BUCKET, 1.0), level))
    phi = _scatter(pairs)
    patience_s = min(PATIENCE * scale.constant_s, PATIENCE_MOST_S) if scale.log_factor else 0.0
    return Ceiling(
        f"slower than p{quantile * 100:g}",
        min(max(share, 1e-9), 0.95),
        sum(total[edge + 2 :]) / of,
        above=edge + 1,
        phi=sqrt(phi) if scale.log_factor else phi,
        blip_s=SLOWER * blip_s + patience_s,
        wanders=bool(wandered or scale.log_factor),
        before=sum(total[edge + 1 :]) / of,
    )


def _bucket_of(histogram: Sequence[int], quantile: float) -> int:
    """Which bucket holds the quantile; never one of the last two, for there must be something slower."""
    wanted, seen = quantile * sum(histogram), 0
    for index, count in enumerate(histogram):
        seen += count
        if seen >= wanted:
            return min(index, len(histogram) - 3)
    return len(histogram) - 3


def _share_slower(histogram: Sequence[int], edge: float, level: float) -> float:
    """The bound of the share slower than an edge between two: their logarithms are taken to lie on a line."""
    edge = min(max(edge, 0.0), len(histogram) - 2.0)
    low = int(edge)
    of = sum(histogram)
    one, other = (
        share_above(sum(histogram[at + 1 :]), of, level) for at in (low, min(low + 1, len(histogram) - 2))
    )
    return exp((1 - (edge - low)) * log(one) + (edge - low) * log(other))


def _scatter(pairs: Sequence[tuple[int, int]]) -> float:
    """Pearson's dispersion of the blocks where it is significantly more than 1, else 1."""
    pairs = [(bad, of) for bad, of in pairs if of]
    if len(pairs) < 3:
        return 1.0
    share = sum(bad for bad, _ in pairs) / sum(of for _, of in pairs)
    if share * sum(of for _, of in pairs) < 0.5 * len(pairs) or share >= 1:
        return 1.0
    chi = sum((bad - share * of) ** 2 / (share * (1 - share) * of) for bad, of in pairs)
    found = chi / (len(pairs) - 1)
    return found if found > 1 + SIGNIFICANT * sqrt(2 / (len(pairs) - 1)) else 1.0


def _wander_of_share(minutes: Sequence[tuple[int, int]]) -> float:
    """Where the share would wander to, on the scale of log odds; 0 where it scatters by chance alone."""
    odds = [log((bad + 0.5) / (of - bad + 0.5)) for bad, of in minutes]
    chance = sum(1 / (bad + 0.5) + 1 / max(of - bad + 0.5, 0.5) for bad, of in minutes) / len(minutes)
    walk = _Walk.of(odds)
    if walk.variance <= chance * (1 + SIGNIFICANT * sqrt(2 / (len(minutes) - 1))):
        return 0.0
    return 1 / (1 + exp(-(walk.mean + walk.reach)))


def _wander_of_scale(minutes: Sequence[Block]) -> _Scale:
    if len(minutes) < 5 or min(sum(minute.histogram) for minute in minutes) < BUSY:
        return _Scale()
    walk = _Walk.of([_log_median(minute.histogram) for minute in minutes])
    if walk.covariance <= SCALE_NOISE:
        return _Scale()
    constant_s = -60.0 / log(min(max(walk.correlation, 0.05), 0.96))
    return _Scale(min(walk.reach, SCALE_MOST), constant_s)


def _log_median(histogram: Sequence[int]) -> float:
    """In buckets' logarithms: only differences count."""
    half, seen = sum(histogram) / 2, 0
    for index, count in enumerate(histogram):
        if count and seen + count >= half:
            return BUCKET * (index + (half - seen) / count)
        seen += count
    return 0.0


@dataclass(frozen=True, slots=True)
class _Walk:
    """A series that wanders: each minute is like the one before. `reach`: how far above its mean it may be found, from
    as few independent values as there are."""

    mean: float
    variance: float
    covariance: float  # of neighbours: what is left of the variance without the noise of measuring
    correlation: float
    reach: float = 0.0

    @classmethod
    def of(cls, series: Sequence[float]) -> _Walk:
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
