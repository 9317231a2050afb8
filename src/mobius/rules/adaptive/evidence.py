"""The evidence against a release in one channel: bets that grow only if the share of bad requests is above a ceiling.

In a tick in which the release before answers, too, the ceiling is what that one does at this very time (`control.py`);
in any other it comes from the baseline. Either way a tick's likelihood ratio has a mean of at most 1 for a release that
is no worse than tolerated, so their product is one bet (`stakes.py`), and one bound holds for the whole of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log, log1p

from mobius.rules.adaptive.ceilings import Ceiling
from mobius.rules.adaptive.control import Control, Counted, is_control
from mobius.rules.adaptive.stakes import Stakes

ODDS = (1.5, 2.5, 5.0, 10.0, 30.0, 150.0, 2000.0)  # of the alternatives, relative to those of the ceiling
CLUMPING = 1e-6  # less is none
MOST_IN_LUMPS = 0.6  # what is bad all the time is found 20 s after what is forgiven, and no lump alone
NOTHING = (0.0,) * len(ODDS)
KNOWN = 10_000.0  # requests of the control that the baseline is worth


@dataclass(frozen=True, slots=True)
class Beside:
    """What is tolerated where something else answers at the same time: so many `times` as many errors and so much
    `more`, and answers that are `steps` of 25 % slower. `whose`: what that is, in words."""

    times: float
    more: float
    steps: int
    whose: str


RELEASE_BEFORE = Beside(1.3, 0.0003, 1, "of the release before beside it")


class Evidence:
    """Of one channel, over a window of `window_s` seconds. `value` is what counts now."""

    odds = ODDS

    def __init__(self, ceiling: Ceiling, window_s: float, beside: Beside = RELEASE_BEFORE) -> None:
        self.ceiling = ceiling
        self.control = control_for(ceiling, beside)
        self.bets = [Bet.at(odds, ceiling) for odds in ODDS] if ceiling.is_known else []
        self._plain = [(bet.if_bad, bet.if_good) for bet in self.bets]
        self._stakes = Stakes(len(ODDS), window_s, ceiling.blip_s, most_a_second(ceiling))

    @property
    def value(self) -> float:
        """What counts against the release now."""
        return self._stakes.value

    def add(self, new: Counted, took_s: float, old: Counted | None = None) -> float:
        """One tick of `took_s` seconds: how many were bad, and of how many; `old`: the same of the release before, as
        the control counts it. Returns the evidence that counts."""
        if old and is_control(new[1], old[1]):
            ratios = self._stakes.grow(self.control.log_ratios(new, old), took_s)
            self.control.learn(new, old, took_s)
            return ratios
        if not self.bets or not new[1]:
            return self._stakes.grow(NOTHING, took_s)
        return self._stakes.grow(self._ratios(*new, took_s), took_s)

    def _ratios(self, bad: float, of: float, took_s: float) -> list[float]:
        if self.ceiling.clumping > CLUMPING:
            return [bet.log_ratio(bad, of, took_s) for bet in self.bets]
        good = of - bad
        return [bad * if_bad + good * if_good for if_bad, if_good in self._plain]


def most_a_second(ceiling: Ceiling) -> float:
    """By how much the logarithm of a stake may grow in a second. Where the baseline came in lumps, as by pauses in
    which everything stands still, or nobody knows, how far it scatters on average says too little of a single one."""
    may_lump = not ceiling.is_known or ceiling.phi > 1 or ceiling.wanders
    return MOST_IN_LUMPS if ceiling.above >= 0 and may_lump else inf


def control_for(ceiling: Ceiling, beside: Beside) -> Control:
    """The control of a channel. Slow answers are counted some buckets lower there: so much slower is tolerated, and no
    larger share of them."""
    times, more = (beside.times, beside.more) if ceiling.above < 0 else (1.0, 0.0)
    if not ceiling.is_known:
        return Control(times, more, ODDS)
    clumps_s = ceiling.clumping * ceiling.block_s
    return Control(
        times,
        more,
        ODDS,
        bad=ceiling.before * KNOWN + 0.01,
        of=KNOWN,
        clumps_s=clumps_s,
        phi_before=ceiling.phi,
    )


@dataclass(frozen=True, slots=True)
class Bet:
    """Against the baseline: that the share is `share`, and not at the ceiling or below."""

    share: float
    ceiling: float
    if_bad: float
    if_good: float
    size: float  # of the negative binomial, per second; 0: errors do not clump

    @classmethod
    def at(cls, odds: float, ceiling: Ceiling) -> Bet:
        other = odds * ceiling.share / (1 - ceiling.share)
        share = other / (1 + other)
        size = 1 / (ceiling.clumping * ceiling.block_s) if ceiling.clumping > CLUMPING else 0.0
        return cls(
            share,
            ceiling.share,
            log(share / ceiling.share) / ceiling.phi,
            log1p((ceiling.share - share) / (1 - ceiling.share)) / ceiling.phi,
            size,
        )

    def log_ratio(self, bad: float, of: float, took_s: float) -> float:
        """Of the likelihoods of this tick. Errors that come in bursts are counted as a negative binomial."""
        if not self.size:
            return bad * self.if_bad + (of - bad) * self.if_good
        size, at_most, otherwise = self.size * took_s, of * self.ceiling, of * self.share
        ratio = (size + at_most) / (size + otherwise)
        return bad * log(otherwise / at_most * ratio) + size * log(ratio)
