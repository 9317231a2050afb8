"""Traffic made up for the tests: a seed gives the same requests every time."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from itertools import pairwise

from mobius.model.baseline import Baseline, Block
from mobius.model.sample import BUCKETS, HISTOGRAM_EDGES_MS

MEDIAN_MS, SIGMA = 80.0, 0.55


def shares(slower: float = 1.0, tail: float = 0.005) -> list[float]:
    """How likely each bucket is: a lognormal body and a heavy tail, `slower` times the usual."""

    def below(ms: float) -> float:
        body = 0.5 * (1 + math.erf(math.log(ms / (MEDIAN_MS * slower)) / SIGMA / math.sqrt(2)))
        far = 0.5 * (1 + math.erf(math.log(ms / (1500 * slower)) / 0.8 / math.sqrt(2)))
        return (1 - tail) * body + tail * far

    edges = [0.0, *(below(edge) for edge in HISTOGRAM_EDGES_MS), 1.0]
    return [later - earlier for earlier, later in pairwise(edges)]


def blocks(
    chance: random.Random,
    many: int,
    *,
    seconds: float,
    per_s: float = 100.0,
    errors: float = 0.001,
    slower: float = 1.0,
) -> Iterator[Block]:
    """Requests in `many` times of so many seconds."""
    likely = shares(slower)
    for _ in range(many):
        requests = poisson(chance, per_s * seconds)
        failed = (
            sum(chance.random() < errors for _ in range(requests))
            if errors > 0.02
            else poisson(chance, requests * errors)
        )
        histogram = [0] * BUCKETS
        for bucket in chance.choices(range(BUCKETS), likely, k=requests - min(failed, requests)):
            histogram[bucket] += 1
        yield Block(requests, min(failed, requests), tuple(histogram))


def usual(chance: random.Random, **how: float) -> Baseline:
    """Ten minutes of a release that is well."""
    return Baseline.of(blocks(chance, 20, seconds=30.0, **how), 30.0)


def poisson(chance: random.Random, mean: float) -> int:
    """A count with this mean."""
    if mean > 50:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, many, left = math.exp(-mean), 0, chance.random()
    while left > limit:
        many, left = many + 1, left * chance.random()
    return many
