"""`python -m bench.detect_more [--healthy 1000] [--bad 200] [--seed N] [--only WORD]`: what the judgement of `adaptive`
makes of deployments unlike those it was made with. One line each: false rollbacks with their 95 % interval, or how soon
what is bad was found. Needs numpy, in an environment of its own, and `PYTHONPATH=src`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bench.detect_many import Many
from bench.detect_streams import TICK_S, Kind, Stream, by_the_hour
from mobius.model.baseline import Baseline, Block
from mobius.rules.adaptive import Adaptive
from mobius.rules.adaptive.bounds import share_above

AT_ONCE = 100
DAY_S = 86_400.0
WIDE, BURSTS = (0.25, 300.0), (0.8, 30.0)
HALF = Kind("", window_s=1800.0, new_part=0.5)
TENTH = replace(HALF, new_part=0.1)
TWICE = replace(HALF, per_s=200.0)
DAILY = Kind("", history_s=DAY_S, load=by_the_hour, busy_slows=0.3)

KINDS: Sequence[Kind] = (
    Kind("day of history, latency wanders sd .25 300 s", history_s=DAY_S, wander=WIDE),
    replace(DAILY, name="day of history, load and latency by the hour"),
    Kind("retries: each failed request fails 4 times more", retries=4.0),
    Kind("square bursts: 10 s of 3 % every 2 min", square=(120.0, 10.0, 0.03)),
    Kind("2 requests/s", per_s=2.0),
    replace(HALF, name="canary 50 %"),
    replace(TENTH, name="canary 10 %"),
    replace(HALF, name="canary 50 %, both in bursts", bursts=BURSTS),
    replace(HALF, name="canary 50 %, each in its own bursts", bursts=BURSTS, own=True),
    replace(HALF, name="canary 50 %, latency of both wanders sd .25 300 s", wander=WIDE),
    replace(HALF, name="canary 50 %, each wanders by itself sd .10 100 s", wander=(0.1, 100.0), own=True),
    replace(HALF, name="canary 50 %, both fail 30 % for 5 min", both_fail=(600.0, 900.0, 0.3)),
    replace(HALF, name="canary 50 %, retries", retries=4.0),
    Kind("day of history, wanders sd .25, then p95 x 2.5", True, history_s=DAY_S, wander=WIDE, slower=2.5),
    replace(DAILY, name="by the hour, then errors 1 %", is_bad=True, errors=0.01),
    Kind("2 requests/s, then errors 5 %", True, per_s=2.0, errors=0.05),
    Kind("retries, then errors 1 %", True, retries=4.0, errors=0.01),
    replace(HALF, name="canary 50 %: errors 1 %", is_bad=True, errors=0.01),
    replace(TWICE, name="canary 50 % of 200/s: errors 1 %", is_bad=True, errors=0.01),
    replace(TENTH, name="canary 10 %: errors 3 %", is_bad=True, errors=0.03),
    replace(HALF, name="canary 50 %: errors 100 %", is_bad=True, errors=1.0),
    replace(HALF, name="canary 50 %: p95 x 1.5", is_bad=True, slower=1.5),
    replace(TENTH, name="canary 10 %: p95 x 1.5", is_bad=True, slower=1.5),
    replace(HALF, name="canary 50 %: p95 x 1.5, both wander sd .25", is_bad=True, slower=1.5, wander=WIDE),
    replace(HALF, name="canary 50 %: errors 1 %, both in bursts", is_bad=True, errors=0.01, bursts=BURSTS),
    replace(
        TWICE,
        name="canary 50 % of 200/s: errors 1 %, both in bursts",
        is_bad=True,
        errors=0.01,
        bursts=BURSTS,
    ),
)


def main() -> int:
    """Prints a line for each kind as it is done."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--healthy", type=int, default=1000)
    asked.add_argument("--bad", type=int, default=200)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--only", default="")
    options = asked.parse_args()
    for number, kind in enumerate(KINDS):
        if options.only not in kind.name:
            continue
        found: list[float] = []
        wanted = options.bad if kind.is_bad else options.healthy
        while len(found) < wanted:
            chance = np.random.default_rng([options.seed, number, len(found)])
            stream = Stream(kind, min(AT_ONCE, wanted - len(found)), chance)
            found += _beside(stream) if kind.new_part < 1 else _alone(stream)
        print(f"{kind.name:55s} {_told(kind, np.array(found))}", flush=True)
    return 0


def _alone(stream: Stream) -> list[float]:
    """When each was rolled back, in seconds; infinite where it never was."""
    many = Many()
    many.start(stream.before())
    found = np.full(stream.runs, np.inf)
    for tick, _ in stream.ticks():
        found = np.where(np.isinf(found) & many.observe(tick), tick.t, found)
    return [float(at) for at in found]


def _beside(stream: Stream) -> list[float]:
    """The same with a control, by the product's code alone."""
    before = stream.before()
    tests = [Adaptive(_baseline(before, run), window_s=3600.0) for run in range(stream.runs)]
    found = [float("inf")] * stream.runs
    for new, old in stream.ticks():
        for run, test in enumerate(tests):
            if found[run] == float("inf"):
                one, other = _block(new, run), _block(old, run)
                judged = test.observe(one.requests, one.errors, one.histogram, TICK_S, other)
                found[run] = new.t if judged.is_bad else found[run]
    return found


def _baseline(before: Any, run: int) -> Baseline:
    columns = zip(before.n[run], before.err[run], before.hist[run], strict=True)
    return Baseline.of(
        [Block(int(n), int(errors), tuple(times.tolist())) for n, errors, times in columns], 30.0
    )


def _block(tick: Any, run: int) -> Block:
    return Block(int(tick.n[run]), int(tick.err[run]), tuple(tick.hist[run].tolist()))


def _told(kind: Kind, found: Any) -> str:
    hits, runs = int(np.isfinite(found).sum()), len(found)
    if kind.is_bad:
        median, late = (float(np.quantile(found, at, method="higher")) for at in (0.5, 0.9))
        return f"found {100 * hits / runs:5.1f} % of {runs}, median {median:.0f} s, 90 % {late:.0f} s"
    low, high = 1 - share_above(runs - hits, runs, 0.025), share_above(hits, runs, 0.025)
    return f"false {100 * hits / runs:.2f} % [{100 * low:.2f}, {100 * high:.2f}] of {runs}"


if __name__ == "__main__":
    sys.exit(main())
