"""From the previous release to what is tolerated of the new one: a ceiling for each channel, and how it may scatter.

Four channels: requests that failed, and requests slower than the baseline's p50, p95 and p99 (with 25 % to spare). A
ceiling is a share that a release no worse than tolerated stays under, whenever one looks. What the baseline shows of
bursts and of slow wander raises ceilings and lowers what one bad moment counts; the report says so.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, log, sqrt

from mobius.model.baseline import Baseline, added
from mobius.model.sample import HISTOGRAM_EDGES_MS
from mobius.rules.adaptive.bounds import share_above
from mobius.rules.adaptive.wander import BUCKET, BUSY, SIGNIFICANT, Scale, wander_of_scale, wander_of_share

ALPHA = 0.001  # the chance of a false alarm that is claimed, in a whole window
LEVEL = 0.2 * ALPHA / 4  # a fifth of it is spent on the ceilings: one of four channels
QUANTILES = (0.5, 0.95, 0.99)
GATE_SHARE = 0.05  # a gate for response times is one for the 95th percentile
ERRORS_TIMES, ERRORS_MORE = 1.5, 0.0005  # tolerated: half as many again, or 0.05 percentage points more
BLIP_S = 30.0  # the longest bad moment that is forgiven
ENOUGH_MINUTES = 55  # to say of response times that they hardly wander
ENOUGH_HOURS, BUSY_HOUR = 3, 60  # to say how errors come in one: so many, of so many blocks
SLOWER = 2.0  # so many times longer where answers are slow: at a start they are, for a minute
PATIENCE, PATIENCE_MOST_S = 1.2, 300.0  # where answers wander: so many times their time constant longer


@dataclass(frozen=True, slots=True)
class Ceiling:
    """One channel. `share`: what is tolerated, `was`: what it was; `above`: bad is what lies in a later bucket than
    this one (-1: what failed).

    `clumping`: how errors come in bursts, as the variance of their rate in blocks of `block_s` beyond chance, relative
    to its square; `phi`: by how much slow answers scatter more than by chance. `blip_s`: the longest forgiven moment.
    `before`: the share that is bad of the release before by the measure of a control, which is a bucket stricter.
    A share of 1 is no ceiling: nothing is known of before. `is_gate`: an absolute limit, whatever was before.
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
    is_gate: bool = False

    @property
    def is_known(self) -> bool:
        """Whether there is a ceiling at all."""
        return self.share < 1


def ceilings(
    baseline: Baseline | None,
    share_of_alpha: float = 1.0,
    blip_s: float = BLIP_S,
    slow_ms: float | None = None,
    most_errors: float | None = None,
) -> tuple[Ceiling, ...]:
    """Errors first; then, where times are there, one for each of three quantiles. `share_of_alpha`: what part of the
    claimed chance they may spend; `blip_s`: the longest bad moment that is forgiven, of slow answers twice as long.
    `slow_ms`: what the quality gates call slow, in the buckets of `HISTOGRAM_EDGES_MS`; where the release before was
    twice as fast, no more than 1 of 20 may be slower. `most_errors`: no larger a share of them is tolerated, where the
    release before had less than half of it."""
    if baseline is None or not baseline.total.requests:
        return (Ceiling("errors", 1.0, 0.0, blip_s=blip_s),)
    level = LEVEL * share_of_alpha
    found = [replace(_of_errors(baseline, level, most_errors), blip_s=blip_s)]
    if sum(baseline.total.histogram):
        scale = wander_of_scale(baseline.minutes)
        found += [_of_latency(quantile, baseline, scale, level, blip_s) for quantile in QUANTILES]
        found += _of_a_gate(baseline, slow_ms, level, blip_s) if slow_ms else []
    return tuple(found)


def without_ceiling(histogram: Sequence[int], blip_s: float = BLIP_S, steps: int = 1) -> tuple[Ceiling, ...]:
    """The channels of slow answers where nothing is known but what the control has answered: no ceilings, only
    where to count from, which is so many steps of 25 % beyond its quantiles."""
    edges = [(quantile, _bucket_of(histogram, quantile)) for quantile in QUANTILES]
    return tuple(
        Ceiling(f"slower than p{quantile * 100:g}", 1.0, 0.0, above=edge + steps, blip_s=SLOWER * blip_s)
        for quantile, edge in edges
    )


def is_asked(most: float, baseline: Baseline) -> bool:
    """Whether a limit for errors says anything of a release after one that was so."""
    return baseline.total.errors <= most / 2 * baseline.total.requests


# -- errors -------------------------------------------------------------------------------------------------------


def _of_errors(baseline: Baseline, level: float, most: float | None) -> Ceiling:
    bad, of = baseline.total.errors, baseline.total.requests
    was = bad / of if of else 0.0
    share = max(share_above(bad, of, level), ERRORS_TIMES * was, was + ERRORS_MORE)
    if most is not None and is_asked(most, baseline):
        share = min(share, most)
    clumping, block_s = _clumping(baseline)
    share = min(max(share, 1e-9), 0.9)
    return Ceiling("errors", share, was, clumping=clumping, block_s=block_s, before=was)


def _clumping(baseline: Baseline) -> tuple[float, float]:
    """How errors come in bursts, and over how many seconds that was seen. Bursts that come a few times an hour may have
    spared the last one: never less than in the middle one of the hours before, of which an incident spoils only one."""
    found, block_s = _clumping_of(baseline)
    hours = [Baseline.of(blocks, baseline.block_s) for blocks in baseline.hours if len(blocks) >= BUSY_HOUR]
    usual = sorted((clumping * over_s, clumping, over_s) for clumping, over_s in map(_clumping_of, hours))
    if len(usual) < ENOUGH_HOURS:
        return found, block_s
    middle, clumping, over_s = usual[len(usual) // 2]
    return (clumping, over_s) if middle > found * block_s else (found, block_s)


def _clumping_of(baseline: Baseline) -> tuple[float, float]:
    """By the method of moments: (variance - mean) / mean², over blocks in which half an error is expected, or more.
    What is expected is their own mean: the total may be of other hours."""
    own = added(baseline.blocks)
    was = own.errors / own.requests if own.requests else 0.0
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


def _of_latency(quantile: float, baseline: Baseline, scale: Scale, level: float, blip_s: float) -> Ceiling:
    total = baseline.total.histogram
    of = sum(total)
    edge = _bucket_of(total, quantile)
    share = share_above(sum(total[edge + 1 :]), of, level)
    pairs = [(sum(block.histogram[edge + 1 :]), sum(block.histogram)) for block in baseline.blocks]
    # Where about an hour says that answers wander by no more than the 25 % which are tolerated anyway, that is room
    # enough for both; half an hour may look calm by chance.
    is_calm = 0 < scale.log_factor <= BUCKET and len(baseline.minutes) >= ENOUGH_MINUTES
    least = edge + 1 if is_calm else edge
    minutes = [(sum(minute.histogram[least + 1 :]), sum(minute.histogram)) for minute in baseline.minutes]
    wandered = 0.0
    busy = [(bad, n) for bad, n in minutes if n >= BUSY]
    if len(busy) > max(2, len(minutes) / 2):
        share = max(share, sorted(bad / n for bad, n in busy)[-2])
        wandered = wander_of_share(busy)
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


def _of_a_gate(baseline: Baseline, slow_ms: float, level: float, blip_s: float) -> list[Ceiling]:
    """Errors need none: where they were surely below half of their gate, their own ceiling is below it."""
    total = baseline.total.histogram
    half, edge = (bisect_left(HISTOGRAM_EDGES_MS, ms) for ms in (slow_ms / 2, slow_ms))
    if edge >= len(total) - 1 or share_above(sum(total[half + 1 :]), sum(total), level) > GATE_SHARE:
        return []
    was, before = (sum(total[at + 1 :]) / sum(total) for at in (edge, edge - 1))
    name = f"slower than {slow_ms:g} ms"
    return [Ceiling(name, GATE_SHARE, was, above=edge, blip_s=SLOWER * blip_s, before=before, is_gate=True)]


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
