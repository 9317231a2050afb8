"""Numbers that are read now and then (processor, memory, a queue), held against the worst the release before showed.

No law of them is assumed but that half minutes of a release that is no worse come in no particular order with those of
the one before. Then the chance that one of them is worse than the worst of m is small, and at most 1 - a^(1/m) with
confidence 1 - a. Half minutes that are worse, and by more than is tolerated, are bet on as failed requests are
(`evidence.py`), one of them forgiven. Such numbers are alike from one half minute to the next, so that chance is never
taken for less than `LEAST_SHARE`: it takes minutes of excess, however long the history.

Memory and open files are stocks: they do not leap for minutes and return. Of them it is taken for at most half as
likely that they are twice as far beyond what is tolerated (in odds: 5 % and 9.5 %, 50 % and 67 %). So a leak that goes
on is found the sooner the further it has come, and after fewer half minutes of history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mobius.rules.adaptive.bounds import share_above
from mobius.rules.adaptive.ceilings import ALPHA, BLIP_S, Ceiling
from mobius.rules.adaptive.evidence import Evidence
from mobius.rules.adaptive.wander import Walk
from mobius.rules.adaptive.words import chance

BLOCK_S = 30.0
ENOUGH_VALUES = 20  # with fewer nobody knows what is the worst
ENOUGH_OF_A_STOCK = 6
STOCKS = ("memory", "fds")
LEVELS = (1, 2, 4, 8)  # so many times the odds of what is tolerated
LEAST_SHARE = 0.15
TOLERANCE = 1.25
PERCENT = ("cpu", "memory", "fds", "disk")
WHOLE = 100.0
SMALL = 0.25
LEAST_POINTS = 5.0  # a percentage that rises by less does no harm
# Below these percentages it does no harm by itself, whatever it was before: more load means more work, and a deployment
# leaves a backup on the disk.
HARMLESS = {"cpu": 35.0, "memory": 0.0, "fds": 20.0, "disk": 80.0}
NAMES = {"cpu": "processor", "memory": "memory", "fds": "open files", "disk": "disk"}
OWN = "gauge:"


@dataclass(frozen=True, slots=True)
class Usual:
    """What a gauge showed before: its values, oldest first, and how much worse than the worst is still alright."""

    values: tuple[float, ...]
    tolerance: float = TOLERANCE

    def is_enough(self, signal: str) -> bool:
        """Whether so much was read before that there is a worst to compare with."""
        return len(self.values) >= (ENOUGH_OF_A_STOCK if signal in STOCKS else ENOUGH_VALUES)


class Gauge:
    """One number of one window. `threshold` is for the evidence, as with the requests."""

    def __init__(self, signal: str, usual: Usual, *, window_s: float, share_of_alpha: float) -> None:
        self.signal, self.worst = signal, max(usual.values)
        self.limit = _limit(signal, self.worst, usual.tolerance)
        many = _independent(usual.values, self.limit - self.worst)
        share = max(share_above(0, many, 0.2 * ALPHA * share_of_alpha), LEAST_SHARE)
        levels = LEVELS if signal in STOCKS and self.limit < WHOLE else LEVELS[:1]
        self._levels = [
            (
                _times(level, self.limit),
                Evidence(Ceiling(signal, share / level, 0.0, blip_s=BLIP_S), window_s),
            )
            for level in levels
        ]
        self.threshold = 1 / (0.8 * ALPHA * share_of_alpha)
        self.evidence = 0.0
        self._values: list[float] = []
        self._seen_s = 0.0

    def observe(self, value: float, took_s: float) -> str:
        """One reading, so many seconds after the one before; a sentence where it is bad, "" where it is not."""
        self._values.append(value)
        self._seen_s += min(took_s, BLOCK_S)
        if self._seen_s < BLOCK_S:
            return ""
        mean = sum(self._values) / len(self._values)
        self._values, self._seen_s = [], 0.0
        found = [evidence.add((float(mean > limit), 1.0), BLOCK_S) for limit, evidence in self._levels]
        self.evidence = sum(found) / len(found)
        return self._sentence(mean) if self.evidence >= self.threshold else ""

    def _sentence(self, now: float) -> str:
        name = NAMES.get(self.signal, self.signal.removeprefix(OWN))
        unit = " %" if self.signal in PERCENT else ""
        before = f"never more than {self.worst:.4g}{unit} before ({self.limit:.4g}{unit} tolerated)"
        return f"{name}: {now:.4g}{unit} now, {before}; {chance(self.threshold)}, even without the worst 30 s"


def _independent(values: Sequence[float], margin: float) -> float:
    """How many values that know nothing of each other are worth as much: fewer where each is like the one before (what
    goes up and down slowly, or fills up), unless all that they do is small beside what is tolerated."""
    if max(values) - min(values) <= SMALL * margin:
        return float(len(values))
    correlation = Walk.of(values).correlation
    return max(1.0, len(values) * (1 - correlation) / (1 + correlation))


def _times(level: int, limit: float) -> float:
    """A percentage of so many times the odds."""
    if level == 1:
        return limit
    odds = level * limit / (WHOLE - limit)
    return WHOLE * odds / (1 + odds)


def _limit(signal: str, worst: float, tolerance: float) -> float:
    """Of a number that was never above 1 it must be more than that part of 1: a queue that was empty may hold none."""
    if signal in PERCENT:
        return max(worst * tolerance, worst + LEAST_POINTS, HARMLESS[signal])
    return worst + (tolerance - 1) * max(abs(worst), 1.0)
