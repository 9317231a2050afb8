"""The evidence against a release in one channel: a bet that grows only if the share of bad requests is above a ceiling.

For each alternative share p_j > ceiling, the likelihood ratio of every tick is multiplied into a stake that is laid at
the deployment (one half) and, bit by bit, at every moment after it (the other half): whenever the trouble begins, some
stake has been riding on it from there. Under any law whose share stays at the ceiling or below, the whole is a
nonnegative supermartingale, so that it ever exceeds 1/alpha has a chance of at most alpha (Ville's inequality).

One bad moment is forgiven: what counts is the least evidence that is left when any one stretch of `blip_s` seconds is
taken out. It is never more than the evidence itself, so the bound holds for it, too.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import exp, log, log1p

from mobius.rules.adaptive.ceilings import Ceiling

ODDS = (1.5, 2.5, 5.0, 10.0, 30.0, 150.0, 2000.0)  # of the alternatives, relative to those of the ceiling
MOST = 1e15  # evidence beyond it is as good
FIRST_STAKE = 0.5  # on the deployment: it is the prime suspect


@dataclass(slots=True)
class Evidence:
    """Of one channel, over a window of `window_s` seconds. `value` is what counts now."""

    ceiling: Ceiling
    window_s: float
    value: float = 0.0
    _bets: list[_Bet] = field(default_factory=list)
    _before: deque[tuple[float, tuple[float, ...]]] = field(default_factory=deque)
    _now_s: float = 0.0
    _all: list[float] = field(default_factory=list)  # evidence of each alternative, with every tick
    _left: list[float] = field(default_factory=list)  # the same without its worst stretch

    def __post_init__(self) -> None:
        share = self.ceiling.share
        for odds in ODDS:
            other = odds * share / (1 - share)
            self._bets.append(_Bet.on(other / (1 + other), self.ceiling))
        self._all = [0.0] * len(ODDS)
        self._left = [0.0] * len(ODDS)

    def add(self, bad: int, of: int, took_s: float) -> float:
        """One tick of `took_s` seconds with so many bad requests; returns the evidence that counts."""
        first = not self._now_s
        self._now_s += took_s
        stake = FIRST_STAKE if first else (1 - FIRST_STAKE) * took_s / self.window_s
        forgiven = self._forgiven(took_s)
        for index, bet in enumerate(self._bets):
            ratio = exp(min(bet.log_ratio(bad, of, took_s), 600.0)) if of else 1.0
            self._all[index] = min((self._all[index] + stake) * ratio, MOST)
            self._left[index] = min((self._left[index] + stake) * ratio, forgiven[index], MOST)
        self._before.append((self._now_s, tuple(self._all)))
        self.value = sum(self._left) / len(self._left)
        return self.value

    def _forgiven(self, took_s: float) -> tuple[float, ...]:
        """The evidence as it was before a stretch of `blip_s` that ends now."""
        until = self._now_s - took_s - self.ceiling.blip_s + 1e-6
        while len(self._before) > 1 and self._before[1][0] <= until:
            self._before.popleft()
        there = self._before and self._before[0][0] <= until
        return self._before[0][1] if there else (0.0,) * len(ODDS)


@dataclass(frozen=True, slots=True)
class _Bet:
    """That the share is `share`, against the ceiling."""

    share: float
    ceiling: float
    if_bad: float
    if_good: float
    size: float  # of the negative binomial, per second; 0: errors do not clump

    @classmethod
    def on(cls, share: float, ceiling: Ceiling) -> _Bet:
        size = 1 / (ceiling.clumping * ceiling.block_s) if ceiling.clumping > 1e-6 else 0.0
        return cls(
            share,
            ceiling.share,
            log(share / ceiling.share) / ceiling.phi,
            log1p((ceiling.share - share) / (1 - ceiling.share)) / ceiling.phi,
            size,
        )

    def log_ratio(self, bad: int, of: int, took_s: float) -> float:
        """Of the likelihoods of this tick. Errors that come in bursts are counted as a negative binomial."""
        if not self.size:
            return bad * self.if_bad + (of - bad) * self.if_good
        size, at_most, otherwise = self.size * took_s, of * self.ceiling, of * self.share
        ratio = (size + at_most) / (size + otherwise)
        return bad * log(otherwise / at_most * ratio) + size * log(ratio)
