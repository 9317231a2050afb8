"""From deployments to the four figures: how often, how fast, how many failed, how soon they were made good."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from mobius.model.dora import Change, Dora, Figure
from mobius.rules.adaptive.bounds import share_above

DAY_S = 86_400.0
MISS = 0.025  # on each side: the interval holds the true value 19 times of 20
FEW = 20  # a sample below which it is said how little it says
SHORTEST_DAYS = 1.0  # a rate per day of a shorter time says nothing


def dora(changes: Sequence[Change], *, since: float, until: float, stopped: int = 0) -> Dora:
    """The figures of the deployments whose users met them in this time."""
    mine = [change for change in changes if since <= change.reached_at <= until and change.reached_at > 0]
    failed = [change for change in mine if change.failed_because]
    leads = [c.live_at - c.committed_at for c in mine if c.live_at and 0 < c.committed_at <= c.live_at]
    recoveries = [c.back_at - c.reached_at for c in failed if c.back_at >= c.reached_at and c.back_at]
    return Dora(
        since=since,
        until=until,
        deployments=len(mine),
        failed=len(failed),
        stopped=stopped,
        per_day=_rate(len(mine), (until - since) / DAY_S),
        lead_s=_median(leads, _why_no_lead(mine)),
        failed_pct=_share(len(failed), len(mine)),
        recovery_s=_median(recoveries, _why_no_recovery(failed)),
        notes=tuple(_notes(mine, failed, leads, recoveries)),
    )


def _rate(count: int, days: float) -> Figure:
    """Per day, with the exact interval of a count that comes by chance (Garwood)."""
    if days < SHORTEST_DAYS:
        return Figure(None, None, None, count, "less than a day is known")
    low = _solved(lambda mean: 1 - _poisson(count - 1, mean), MISS, count) if count else 0.0
    high = _solved(lambda mean: 1 - _poisson(count, mean), 1 - MISS, 2 * count + 20)
    return Figure(count / days, low / days, high / days, count)


def _share(part: int, whole: int) -> Figure:
    """In percent, with the interval of Clopper and Pearson."""
    if not whole:
        return Figure(None, None, None, 0, "nothing was deployed in this time")
    low = 100 * (1 - share_above(whole - part, whole, MISS)) if part else 0.0
    high = 100 * share_above(part, whole, MISS) if part < whole else 100.0
    return Figure(100 * part / whole, low, high, whole)


def _median(values: Sequence[float], why_not: str) -> Figure:
    """With the interval between two of the values themselves, which asks nothing of how they are spread."""
    if not values:
        return Figure(None, None, None, 0, why_not)
    ordered, n = sorted(values), len(values)
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    cut = _cut(n)
    if cut == 0:
        return Figure(middle, None, None, n)
    return Figure(middle, ordered[cut - 1], ordered[n - cut], n)


def _cut(n: int) -> int:
    """How many values on each side lie outside of the interval of a median; 0 where all of them are too few."""
    # In whole numbers: of a thousand deployments they are larger than any float.
    ways, chance, cut = 1, 1, 0
    most = round(1000 * MISS) * 2**n // 1000
    while chance <= most:
        cut += 1
        ways = ways * (n - cut + 1) // cut
        chance += ways
    return cut


def _poisson(most: int, mean: float) -> float:
    """The chance of at most so many where `mean` are to be expected."""
    if most < 0:
        return 0.0
    logs = [k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(most + 1)] if mean > 0 else [0.0]
    return min(1.0, math.fsum(math.exp(value) for value in logs))


def _solved(rising: Callable[[float], float], wanted: float, most: float) -> float:
    """Where a function that rises reaches a value."""
    low, high = 0.0, most + 10 * math.sqrt(most + 1)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return (low + high) / 2


def _why_no_lead(mine: Sequence[Change]) -> str:
    if not mine:
        return "nothing was deployed in this time"
    return "the journal has no time of a commit: the source is no git repository, or an older mobius deployed"


def _why_no_recovery(failed: Sequence[Change]) -> str:
    return (
        "no deployment failed"
        if not failed
        else "the journal does not say when a good release had all traffic"
    )


def _notes(
    mine: Sequence[Change], failed: Sequence[Change], leads: Sequence[float], recoveries: Sequence[float]
) -> list[str]:
    found = []
    if 0 < len(mine) < FEW:
        found.append(f"only {len(mine)} deployments: the intervals say how little that is")
    if leads and len(leads) < len(mine):
        found.append(
            f"of {len(mine) - len(leads)} deployments the time of the commit is not known, or was no live one"
        )
    if recoveries and len(recoveries) < len(failed):
        found.append(f"of {len(failed) - len(recoveries)} failed deployments no recovery is known")
    return found
