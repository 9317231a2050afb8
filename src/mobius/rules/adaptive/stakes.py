"""The stakes of one channel: bets that grow while a release is bad, whenever that began, and how much of them counts.

Each bet has a likelihood ratio for every tick, whose mean is at most 1 for a release no worse than tolerated. A stake
is laid on each at the deployment (one half) and, bit by bit, at every moment after it (the other half): whenever the
trouble begins, some stake has been riding on it from there. The whole is then a nonnegative supermartingale, so that
it ever exceeds 1/alpha has a chance of at most alpha (Ville's inequality).

One bad moment is forgiven: what counts is the least that is left when any one stretch of `blip_s` seconds is taken out.
It is never more than the whole, so the bound holds for it, too.

Nor does any moment count for more than `most_a_second` allows: a factor that is cut off has a smaller mean than it had.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import exp, inf

MOST = 1e15  # evidence beyond it is as good
FIRST_STAKE = 0.5  # on the deployment: it is the prime suspect
LARGEST = 600.0  # of a logarithm


class Stakes:
    """On `bets` alternatives, over a window of `window_s` seconds. `value` is what counts now. `most_a_second`: by how
    much the logarithm of a stake may grow in a second."""

    def __init__(self, bets: int, window_s: float, blip_s: float, most_a_second: float = inf) -> None:
        self.value = 0.0
        self._window_s, self._blip_s, self._most_a_second = window_s, blip_s, most_a_second
        self._all = [0.0] * bets  # of each alternative, with every tick
        self._left = [0.0] * bets  # the same without its worst stretch
        self._before: deque[tuple[float, Sequence[float]]] = deque()
        self._now_s, self._laid = 0.0, 0.0

    def grow(self, log_ratios: Sequence[float], took_s: float) -> float:
        """One tick of `took_s` seconds, with the logarithm of each bet's likelihood ratio; returns what counts."""
        stake = self._next_stake(took_s)
        self._now_s += took_s
        forgiven = self._forgiven(took_s)
        largest = min(self._most_a_second * took_s, LARGEST)
        every: list[float] = []
        left: list[float] = []
        for log_ratio, one, other, most in zip(log_ratios, self._all, self._left, forgiven, strict=True):
            ratio = exp(log_ratio if log_ratio < largest else largest)
            grown = (one + stake) * ratio
            every.append(grown if grown < MOST else MOST)
            grown = (other + stake) * ratio
            left.append(grown if grown < most else most)
        self._all, self._left = every, left
        self._before.append((self._now_s, every))
        self.value = sum(left) / len(left)
        return self.value

    def _next_stake(self, took_s: float) -> float:
        """All stakes together are never more than 1, however far a clock jumps."""
        wanted = (1 - FIRST_STAKE) * took_s / self._window_s if self._before else FIRST_STAKE
        stake = min(wanted, 1 - self._laid)
        self._laid += stake
        return stake

    def _forgiven(self, took_s: float) -> Sequence[float]:
        """The evidence as it was before a stretch of `blip_s` that ends now."""
        if not self._blip_s:
            return (MOST,) * len(self._all)
        until = self._now_s - took_s - self._blip_s + 1e-6
        while len(self._before) > 1 and self._before[1][0] <= until:
            self._before.popleft()
        there = self._before and self._before[0][0] <= until
        return self._before[0][1] if there else (0.0,) * len(self._all)
