"""`python -m bench.detect_gauges [--healthy 1000] [--bad 100]`: what the rank test of `adaptive` makes of memories that
wander, fill up or leak, after short and long histories. Half minutes of simulated percentages; needs nothing else.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from math import exp, sqrt

from bench.common import table
from mobius.rules.adaptive.bounds import share_above
from mobius.rules.adaptive.gauges import BLOCK_S, Gauge, Usual

HOUR = 120  # half minutes
HISTORIES = (6, 20, 60, 480, 2880)
ALPHA_SHARE = 0.025  # of four gauges one
MEANS = (0.3, 2.0, 10.0, 30.0)  # percent
Series = Callable[[random.Random, int, float], list[float]]


def steady(chance: random.Random, many: int, mean: float) -> list[float]:
    return [chance.gauss(mean, 0.03 * mean) for _ in range(many)]


def wandering(sd: float, constant_s: float) -> Series:
    kept = exp(-BLOCK_S / constant_s)

    def series(chance: random.Random, many: int, mean: float) -> list[float]:
        off, found = chance.gauss(0, sd), []
        for _ in range(many):
            found.append(mean * exp(off))
            off = kept * off + sqrt(1 - kept * kept) * sd * chance.gauss(0, 1)
        return found

    return series


def collected(chance: random.Random, many: int, mean: float) -> list[float]:
    period, phase = chance.uniform(8, 60), chance.uniform(0, 60)
    return [
        mean * (0.7 + 0.6 * ((at + phase) % period) / period) * exp(chance.gauss(0, 0.03))
        for at in range(many)
    ]


def with_batches(chance: random.Random, many: int, mean: float) -> list[float]:
    found, at = steady(chance, many, mean), int(chance.expovariate(1 / 720))
    while at < many:
        for place in range(at, min(many, at + chance.randint(4, 8))):
            found[place] += mean * chance.uniform(0.5, 1.5)
        at += 1 + int(chance.expovariate(1 / 720))
    return found


def filling(chance: random.Random, many: int, mean: float) -> list[float]:
    fills = chance.uniform(10, 60)
    return [mean * (1 - 0.5 * exp(-at / fills)) * exp(chance.gauss(0, 0.03)) for at in range(many)]


HEALTHY: dict[str, Series] = {
    "steady": steady,
    "wanders, sd 0.1, 10 min": wandering(0.1, 600.0),
    "wanders, sd 0.3, 10 min": wandering(0.3, 600.0),
    "wanders, sd 0.3, 60 min": wandering(0.3, 3600.0),
    "a sawtooth, 4 to 30 min": collected,
    "doubled for 2 to 4 min, four times a day": with_batches,
    "fills up after each start": filling,
}
LEAKS = ((0.09, 10.5, 1), (2.0, 40.0, 1), (2.0, 40.0, 10), (10.0, 30.0, 1), (30.0, 90.0, 10))


def main(argv: Sequence[str] | None = None) -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--healthy", type=int, default=1000)
    options.add_argument("--bad", type=int, default=100)
    given = options.parse_args(argv)
    names = ("Healthy", *(f"{many} half minutes before" for many in HISTORIES))
    print(table(names, list(_healthy(given.healthy))))
    print(f"\nFalse alarms in an hour, of {given.healthy:,} each; none: at most "
          f"{100 * share_above(0, given.healthy, 0.025):.2g} % (95 %).\n")  # fmt: skip
    print(table(("Leak", *names[1:]), list(_leaks(given.bad))))
    return 0


def _healthy(runs: int) -> Iterator[tuple[str, ...]]:
    for name, series in HEALTHY.items():
        row = [name]
        for many in HISTORIES:
            chances = (random.Random(f"{name} {many} {run}") for run in range(runs))
            row.append(str(sum(_is_false(series, many, chance) for chance in chances)))
        yield tuple(row)


def _is_false(series: Series, many: int, chance: random.Random) -> bool:
    mean = chance.choice(MEANS)
    if series is filling:
        before, now = filling(chance, many, mean), filling(chance, HOUR, mean)
    else:
        both = series(chance, many + HOUR, mean)
        before, now = both[:many], both[many:]
    return _found_after(before, now, 3600.0) is not None


def _leaks(runs: int) -> Iterator[tuple[str, ...]]:
    for start, to, half_minutes in LEAKS:
        row = [f"{start:g} to {to:g} % in {half_minutes * BLOCK_S:g} s"]
        for many in HISTORIES:
            found = []
            for run in range(runs):
                chance = random.Random(f"{start} {to} {many} {run}")
                now = [min(start + (to - start) * at / half_minutes, to) for at in range(1, HOUR)]
                found.append(_found_after(steady(chance, many, start), now, 360.0))
            times = sorted(one for one in found if one is not None)
            row.append(f"{times[len(times) // 2]:g} s" if len(times) == runs else f"{len(times)} found")
        yield tuple(row)


def _found_after(before: Sequence[float], now: Sequence[float], window_s: float) -> float | None:
    usual = Usual(tuple(min(max(value, 0.01), 99.9) for value in before))
    gauge = Gauge("memory", usual, window_s=window_s, share_of_alpha=ALPHA_SHARE)
    for number, value in enumerate(now, 1):
        if gauge.observe(min(max(value, 0.01), 99.9), BLOCK_S):
            return number * BLOCK_S
    return None


if __name__ == "__main__":
    sys.exit(main())
