"""`python -m bench.bad_hosts [--healthy N] [--bad N] [--seed N] [--only WORD]`: what the judgement makes of fleets that
are healthy, of one host that is bad by itself, and of a release that is bad everywhere. The product's code alone, one
window at a time, in simulated time. Needs numpy, and `PYTHONPATH=src`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import erf, exp, log, sqrt
from typing import Any

import numpy as np

from mobius.model.baseline import Baseline, Block
from mobius.model.policies import ADAPTIVE
from mobius.model.sample import HISTOGRAM_EDGES_MS, Sample
from mobius.model.settings import MonitorSettings
from mobius.model.verdict import Outcome
from mobius.rules.adaptive.bounds import share_above
from mobius.rules.adaptive.window import WHOLE, WindowTests
from mobius.rules.hosts.judging import HostJudging
from mobius.rules.hosts.streams import HOST
from mobius.rules.hosts.worse import OF_THE_HOSTS, HostTests
from mobius.rules.judging import Judging

TICK_S, MEDIAN_MS, SPREAD = 5.0, 60.0, 0.73  # lognormal: a p95 of 200 ms
ERRORS = 0.001
MONITOR = MonitorSettings(interval_s=5.0)
Array = Any


@dataclass(frozen=True, slots=True)
class Fleet:
    """A window over so many hosts with `per_s` requests/s a host. `errors`, `times` slower: of one host from the start
    on, or of all of them (`everywhere`). `unequal`: the busiest gets so many times the requests of the idlest; `own`:
    each host's response times wander by themselves, as a standard deviation; `slower`: one of them always is."""

    name: str
    hosts: int
    window_s: float = 1800.0
    per_s: float = 10.0
    is_bad: bool = False
    everywhere: bool = False
    errors: float = ERRORS
    times: float = 1.0
    unequal: float = 3.0
    own: float = 0.0
    slower: float = 1.0


SIZES = (3, 10, 100)
HEALTHY = [
    *(Fleet(f"{n} hosts, unequal load, one 10 % slower", n, slower=1.1) for n in SIZES),
    *(Fleet(f"{n} hosts, each wanders by itself, sd 0.10", n, own=0.1) for n in SIZES[:2]),
    *(Fleet(f"{n} hosts, one 30 % slower", n, slower=1.3) for n in SIZES[:2]),
]
BAD = [
    fleet
    for n in SIZES
    for fleet in (
        Fleet(f"{n} hosts: errors 5 % on one", n, is_bad=True, errors=0.05),
        Fleet(f"{n} hosts: errors 100 % on one", n, is_bad=True, errors=1.0),
        Fleet(f"{n} hosts: 3 times slower on one", n, is_bad=True, times=3.0),
        Fleet(f"{n} hosts: errors 3 % on all", n, is_bad=True, everywhere=True, errors=0.03),
    )
]


def main() -> None:
    """Prints a line for each kind."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--healthy", type=int, default=200)
    asked.add_argument("--bad", type=int, default=50)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--window", type=float, default=1800.0, help="seconds")
    asked.add_argument("--only", default="")
    said = asked.parse_args()
    for kind in [kind for kind in (*BAD, *HEALTHY) if said.only in kind.name]:
        fleet = replace(kind, window_s=said.window)
        runs = max(1, (said.bad if fleet.is_bad else said.healthy) * 3 // fleet.hosts)
        began = time.perf_counter()
        found = [play(fleet, np.random.default_rng([said.seed, number])) for number in range(runs)]
        print(f"{fleet.name}: {line(fleet, found)}; {time.perf_counter() - began:.0f} s", flush=True)


def line(fleet: Fleet, found: Sequence[tuple[float, str]]) -> str:
    """What came of so many windows."""
    runs, ends = len(found), [what for _, what in found]
    if not fleet.is_bad:
        wrong = runs - ends.count("")
        return f"{runs} windows, {wrong} wrong [0, {100 * share_above(wrong, runs, 0.025):.2g} %] {set(ends) - {''}}"
    right = "release" if fleet.everywhere else "web1"
    times = sorted(at for at, what in found if what == right)
    others = {what: ends.count(what) for what in set(ends) - {right}}
    if not times:
        return f"{runs} windows, never found; {others}"
    return (
        f"{runs} windows, {len(times)} found, median {times[len(times) // 2]:.0f} s, "
        f"90 % {times[min(len(times) - 1, 9 * len(times) // 10)]:.0f} s; otherwise {others or 'none'}"
    )


def play(fleet: Fleet, random: Array) -> tuple[float, str]:
    """When the window did something, and what: the names of the hosts taken out, "release", or "" for nothing."""
    names = tuple(f"web{number}" for number in range(1, fleet.hosts + 1))
    judging = _judging(fleet, names)
    for at, samples in _looks(fleet, names, random):
        if judging.feed(samples, ()) is None:
            continue
        verdict = judging.verdict((), at, ())
        if judging.taking_out:
            return at, ",".join(sorted(judging.taking_out))
        if verdict.outcome is Outcome.FAIL:
            return at, "release"
    return fleet.window_s, ""


def _judging(fleet: Fleet, names: tuple[str, ...]) -> HostJudging:
    of = round(fleet.per_s * fleet.hosts * 30)
    shares = _shares(1.0)
    block = Block(of, round(of * ERRORS), tuple(round(of * share) for share in shares))
    known = {WHOLE: Baseline.of([block] * 60, 30.0)}

    def as_one() -> Judging:
        tests = WindowTests(known, 0.0, fleet.window_s, share_of_alpha=1 - OF_THE_HOSTS)
        return Judging(ADAPTIVE, MONITOR, 0.0, fleet.window_s, tests)

    def each(hosts: Sequence[str]) -> HostTests:
        return HostTests(hosts, opened_at=0.0, window_s=fleet.window_s, monitor=MONITOR)

    return HostJudging(as_one, each, names, budget=1)


def _looks(fleet: Fleet, names: Sequence[str], random: Array) -> Iterator[tuple[float, tuple[Sample, ...]]]:
    n = len(names)
    load = np.linspace(1.0, fleet.unequal, n)
    load = random.permutation(load * fleet.per_s * n / load.sum() * TICK_S)
    walk, kept = np.zeros(n), exp(-TICK_S / 100)
    base = np.array([1.0] * n)
    base[-1] = fleet.slower
    errors = np.full(n, ERRORS)
    if fleet.is_bad:
        who = slice(None) if fleet.everywhere else slice(0, 1)
        errors[who], base[who] = fleet.errors, base[who] * fleet.times
    shares = np.array([_shares(factor) for factor in base])
    for number in range(1, int(fleet.window_s / TICK_S) + 1):
        at = number * TICK_S
        if fleet.own:
            walk = kept * walk + fleet.own * sqrt(1 - kept * kept) * random.standard_normal(n)
            shares = np.array([_shares(factor) for factor in base * np.exp(walk)])
        of = random.poisson(load)
        bad = random.binomial(of, errors)
        timed = random.multinomial(of, shares)
        parts = [
            Sample(
                f"{HOST}{name}",
                at,
                requests=int(of[i]),
                errors=int(bad[i]),
                histogram=tuple(timed[i].tolist()),
            )
            for i, name in enumerate(names)
        ]
        whole = Sample(
            WHOLE,
            at,
            requests=int(of.sum()),
            errors=int(bad.sum()),
            histogram=tuple(timed.sum(axis=0).tolist()),
        )
        yield at, (Sample("probe", at, ok=True, value=20.0), whole, *parts)


def _shares(factor: float) -> list[float]:
    """Of each bucket, where all answers take `factor` times as long."""
    below = [
        0.5 * (1 + erf(log(edge / (MEDIAN_MS * factor)) / SPREAD / sqrt(2))) for edge in HISTOGRAM_EDGES_MS
    ]
    edges = [0.0, *below, 1.0]
    return [high - low for low, high in pairwise(edges)]


if __name__ == "__main__":
    main()
