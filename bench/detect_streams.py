"""Made-up deployments of kinds that the harness of the detector does not have: a day of history, load by the hour,
retries, square bursts, little traffic, and the release before beside the new one. Needs numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import erf, exp, log, pi, sin, sqrt
from types import SimpleNamespace
from typing import Any

import numpy as np

from mobius.model.sample import HISTOGRAM_EDGES_MS

TICK_S, BLOCK_S = 5.0, 30.0
MEDIAN_MS, SIGMA, TAIL, TAIL_MS, TAIL_SIGMA = 80.0, 0.557, 0.005, 1500.0, 0.8
Array = Any
PLACES = np.linspace(-9.0, 9.0, 20_001)
NORMAL = np.array([(1 + erf(place / sqrt(2))) / 2 for place in PLACES])


def even(_: float) -> float:
    """A load that does not change."""
    return 1.0


@dataclass(frozen=True)
class Kind:
    """One kind of deployment. `errors`, `slower`: of the new release; `load`: by seconds since the deployment, and
    `busy_slows` how much slower answers are where it doubles. `wander`, `bursts`: standard deviation and time constant
    of the logarithms of response times and of the rate of errors. `square`: (every, for, rate) of bursts like a wall.
    `retries`: how often a failed request is tried again, and fails, on average. `new_part`: of the traffic, in a
    canary; what wanders and bursts befalls both sides alike unless `own`. `both_fail`: (from, to, rate) of what befalls
    both."""

    name: str
    is_bad: bool = False
    per_s: float = 100.0
    history_s: float = 1800.0
    window_s: float = 3600.0
    was: float = 0.001
    errors: float = 0.001
    slower: float = 1.0
    load: Callable[[float], float] = even
    busy_slows: float = 0.0
    wander: tuple[float, float] | None = None
    bursts: tuple[float, float] | None = None
    square: tuple[float, float, float] | None = None
    retries: float = 0.0
    new_part: float = 1.0
    own: bool = False
    both_fail: tuple[float, float, float] | None = None


def by_the_hour(t: float) -> float:
    """A day: three times as much at its height as at its depth, the deployment on the rising side."""
    return 1.0 + 0.5 * sin(2 * pi * t / 86_400)


@dataclass
class Stream:
    """`runs` deployments of one kind at once."""

    kind: Kind
    runs: int
    chance: np.random.Generator
    _state: dict[str, Array] = field(default_factory=dict)

    def before(self) -> Any:
        """The history in blocks, as the harness has it."""
        many = int(self.kind.history_s / BLOCK_S)
        parts = [self._draw(BLOCK_S, -self.kind.history_s + at * BLOCK_S, "old", 1.0) for at in range(many)]
        n, err = (np.stack([part[index] for part in parts], axis=1) for index in (0, 1))
        hist = np.stack([part[2] for part in parts], axis=1)
        return SimpleNamespace(
            n=n, err=err, hist=hist, tot_n=n.sum(1), tot_err=err.sum(1), tot_hist=hist.sum(1)
        )

    def ticks(self) -> Iterator[tuple[Any, Any]]:
        """The new release, and the one before beside it (None without a canary)."""
        for at in range(int(self.kind.window_s / TICK_S)):
            t = at * TICK_S
            new = self._draw(TICK_S, t, "new", self.kind.new_part)
            old = self._draw(TICK_S, t, "old", 1 - self.kind.new_part) if self.kind.new_part < 1 else None
            yield _tick(t + TICK_S, new), _tick(t + TICK_S, old) if old else None

    def _draw(self, seconds: float, t: float, side: str, part: float) -> tuple[Array, Array, Array]:
        kind, is_new = self.kind, side == "new"
        load = kind.load(t)
        rate = np.full(self.runs, kind.errors if is_new else kind.was)
        if kind.bursts:
            rate = rate * np.exp(
                self._walk("errors", side, *kind.bursts, seconds, t) - kind.bursts[0] ** 2 / 2
            )
        if kind.square:
            rate = rate + self._square(side, *kind.square, seconds, t)
        if kind.both_fail and kind.both_fail[0] <= t < kind.both_fail[1]:
            rate = rate + kind.both_fail[2]
        rate = np.minimum(rate, 1.0)
        scale = np.full(self.runs, (kind.slower if is_new else 1.0) * (1 + kind.busy_slows * (load - 1)))
        if kind.wander:
            scale = scale * np.exp(self._walk("times", side, *kind.wander, seconds, t))
        requests = kind.per_s * load * part * seconds
        failed = self.chance.poisson(requests * rate)
        if kind.retries:
            failed = failed + self.chance.negative_binomial(np.maximum(failed, 1e-9), 1 / (1 + kind.retries))
        answered = self.chance.poisson(requests * (1 - rate)[:, None] * _shares(scale))
        return failed + answered.sum(1), failed, answered

    def _walk(self, what: str, side: str, sd: float, constant_s: float, seconds: float, t: float) -> Array:
        """One step each time it is asked at another time; both sides see the same unless each has its own."""
        key = f"{what} {side if self.kind.own else ''}"
        last, value = self._state.get(key, (None, self.chance.standard_normal(self.runs)))
        if last != t:
            kept = exp(-seconds / constant_s)
            value = kept * value + sqrt(1 - kept * kept) * self.chance.standard_normal(self.runs)
            self._state[key] = (t, value)
        return sd * value

    def _square(
        self, side: str, every_s: float, for_s: float, rate: float, seconds: float, t: float
    ) -> Array:
        key = f"square {side if self.kind.own else ''}"
        last, left = self._state.get(key, (None, np.zeros(self.runs)))
        if last != t:
            begins = self.chance.random(self.runs) < seconds / every_s
            left = np.where(begins, for_s, np.maximum(left - seconds, 0.0))
            self._state[key] = (t, left)
        return rate * np.minimum(left, seconds) / seconds


def _tick(at: float, counted: tuple[Array, Array, Array]) -> Any:
    return SimpleNamespace(t=at, n=counted[0], err=counted[1], hist=counted[2])


def _shares(scale: Array) -> Array:
    """How likely each bucket is, of answers so many times slower: by run."""
    times = np.log(np.array(HISTOGRAM_EDGES_MS))[None, :] - np.log(scale)[:, None]
    body = np.interp((times - log(MEDIAN_MS)) / SIGMA, PLACES, NORMAL)
    tail = np.interp((times - log(TAIL_MS)) / TAIL_SIGMA, PLACES, NORMAL)
    below = (1 - TAIL) * body + TAIL * tail
    ends = np.zeros((len(scale), 1))
    return np.maximum(np.diff(np.concatenate([ends, below, ends + 1], axis=1), axis=1), 0.0)
