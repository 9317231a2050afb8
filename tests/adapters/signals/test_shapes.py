"""Days as they are: caches that are cold after a deployment, jobs every few minutes, nights without requests, counters
that begin anew. What the release before did as well is left alone, and what is worse is found in the midst of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from math import exp

import pytest

from mobius.adapters.signals.traffic import TrafficDelta
from mobius.model.baseline import Baseline, Block, added
from mobius.ports import Counters
from mobius.rules.adaptive.window import WindowTests
from rules.adaptive.streams import blocks

TICK_S, PER_S = 5.0, 25.0
BEFORE_S, WINDOW_S = 1800.0, 1500.0
OPENED_AT = 1_000_000.0

# At so many seconds after the deployment: how much of the usual traffic there is, what part of it fails, and how many
# times slower answers are.
Shape = Callable[[float], tuple[float, float, float]]


def every(period_s: float, lasts_s: float, then: tuple[float, float, float]) -> Shape:
    return lambda t: then if t % period_s < lasts_s else (1.0, 0.001, 1.0)


def cold_caches(t: float) -> tuple[float, float, float]:
    return 1.0, 0.001, 1.0 + (exp(-t / 60.0) if t >= 0 else 0.0)


def a_night(t: float) -> tuple[float, float, float]:
    return (0.0, 0.0, 1.0) if 300.0 <= t < 1100.0 else (1.0, 0.001, 1.0)


def an_hourly_job(t: float) -> tuple[float, float, float]:
    return (1.5, 0.10, 4.0) if 700.0 <= t < 725.0 else (1.0, 0.001, 1.0)


def a_rush(t: float) -> tuple[float, float, float]:
    return (4.0, 0.001, 1.15) if t >= 400.0 else (1.0, 0.001, 1.0)


HEALTHY: Mapping[str, Shape] = {
    "caches that are cold for a minute": cold_caches,
    "a job every five minutes": every(300.0, 20.0, (1.5, 0.05, 2.0)),
    "a client that comes with all its requests every ten minutes": every(600.0, 5.0, (6.0, 0.001, 5.0)),
    "a night without requests": a_night,
    "a job that nobody has seen before": an_hourly_job,
    "four times the traffic": a_rush,
}
BAD: Mapping[str, tuple[Shape, float]] = {
    "up and down every minute": (every(60.0, 10.0, (1.0, 1.0, 1.0)), 180.0),
    "away for 25 s every two minutes": (every(120.0, 25.0, (1.0, 1.0, 1.0)), 400.0),
    "1 % of errors": (lambda t: (1.0, 0.01, 1.0), 240.0),
    "twice as slow": (lambda t: (1.0, 0.001, 2.0), 100.0),
    "slower and slower": (lambda t: (1.0, 0.001, 1.0 + t / 900.0), 900.0),
}


def ticks(chance: random.Random, shape: Shape, since: float, until: float) -> Iterator[Block]:
    for at in range(int((until - since) / TICK_S)):
        load, errors, slower = shape(since + at * TICK_S)
        yield from blocks(
            chance, 1, seconds=TICK_S, per_s=load * PER_S, errors=errors, slower=max(slower, 1e-3)
        )


def found_after(shape: Shape, before: Shape, seed: int, anew: frozenset[int] = frozenset()) -> float | None:
    """When it was taken for bad, read from counters as whoever counts keeps them: they begin anew at these ticks."""
    chance = random.Random(seed)
    there = list(ticks(chance, before, -BEFORE_S, 0.0))
    baseline = Baseline.of([added(there[at : at + 6]) for at in range(0, len(there), 6)], 30.0)
    counted = Counters(0, 0, ())
    delta = TrafficDelta(lambda: {"v2": counted}, "v2")
    tests = WindowTests({"traffic": baseline}, OPENED_AT, WINDOW_S)
    for number, tick in enumerate(ticks(chance, shape, 0.0, WINDOW_S), 1):
        if number in anew:
            counted = Counters(0, 0, ())
        total = added([Block(counted.requests, counted.errors, counted.histogram), tick])
        counted = Counters(total.requests, total.errors, total.histogram)
        if tests.feed(delta.samples(OPENED_AT + number * TICK_S)):
            return number * TICK_S
    return None


@pytest.mark.parametrize("shape", HEALTHY)
def test_a_day_like_the_others_is_left_alone(shape: str) -> None:
    assert found_after(HEALTHY[shape], HEALTHY[shape], seed=len(shape)) is None


@pytest.mark.parametrize("shape", BAD)
def test_what_is_worse_is_found(shape: str) -> None:
    bad, within_s = BAD[shape]
    found = found_after(bad, lambda t: (1.0, 0.001, 1.0), seed=len(shape))
    assert found is not None
    assert found <= within_s


def test_counters_that_begin_anew_hide_nothing_and_accuse_nobody() -> None:
    anew = frozenset({3, 4, 40, 90, 91, 200})
    usual: Shape = lambda t: (1.0, 0.001, 1.0)  # noqa: E731
    assert found_after(usual, usual, 7, anew) is None
    found = found_after(lambda t: (1.0, 0.02, 1.0), usual, 7, anew)
    assert found is not None
    assert found <= 120.0
