"""The release before as a control: what both answer at the same time, held against each other.

Whatever befalls both (a busy hour, a slow database, a burst of bad requests) cancels. Tolerated is, in each tick, that
p1 <= times · p0 + more, with p1 and p0 the chances that a request of the new release and one of the old is bad. Neither
needs to be known, nor to be the same from tick to tick.

Why that is sound. Of n1 and n0 requests, x of the new and y of the old are bad. For any b1 = times · b0 + more and any
k1, k0 >= 0 with n0 k0 = times · n1 k1 that leave all factors positive, the product over requests of 1 + k1 (x - b1) and
1 - k0 (y - b0) has a mean of at most exp(n1 k1 (p1 - b1) - n0 k0 (p0 - b0)) = exp(n1 k1 (p1 - times · p0 - more)) <= 1.
So each tick multiplies the evidence by something whose mean is at most 1, given all that came before it: a tick with a
control and one without (`evidence.py`) go into one product, and one bound holds for both. b and k are chosen from what
is known before the tick, such that the product is the likelihood ratio of an alternative against the tolerated pair
that is next to it.

Where errors of one side come in clumps (one client that tries again, one stuck worker), requests are fewer than they
look. The scatter of past ticks tells; the logarithm is divided by it, which keeps the mean at 1 or below (Jensen).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, log1p, sqrt

LEAST = 0.1  # of the new release's requests: with fewer of the old a control says less than the baseline
MEMORY_S = 300.0  # how long what the control answered says what it will answer
MOST_OF_A_FACTOR = 0.95
NEAR = 1.1  # bets are chosen anew when what they were chosen for has changed by more
SURE_AFTER = 20  # ticks that are taken to scatter by chance alone before any is seen
OUTLIER = 9.0  # the most that one tick says about scatter: a sudden fault is no scatter
SIGNIFICANT = 2.33

Counted = tuple[float, float]  # bad, and of how many


def is_control(new: float, old: float) -> bool:
    """Whether so many requests of the release before, in the same tick, are a control for so many of the new one."""
    return new > 0 and old >= LEAST * new


@dataclass(slots=True)
class Control:
    """One channel. `times`, `more`: what is tolerated; `odds`: of the alternatives, relative to what is tolerated;
    `bad`, `of`: what is known of the release before (as many requests as that is worth)."""

    times: float
    more: float
    odds: Sequence[float]
    bad: float = 0.01
    of: float = 10.0
    clumps_s: float = (
        0.0  # how the rate of bad requests varied before: variance by mean², times the time it lasts
    )
    phi_before: float = 1.0  # how slow answers scattered before: some of it may befall one side only
    _new_bad: float = 0.01
    _new_of: float = 0.0
    _old_of: float = 0.0
    _bets: list[_Bet] = field(default_factory=list)
    _made_for: tuple[float, float] = (0.0, 0.0)
    _scatter: _Scatter = field(default_factory=lambda: _Scatter())

    @property
    def share(self) -> float:
        """How much of the release before is bad, as far as is known."""
        return min(max(self.bad / self.of, 1e-7), 0.95)

    @property
    def tolerated(self) -> float:
        """How much may be bad of the new one."""
        return min(self.times * self.share + self.more, 0.98)

    @property
    def phi(self) -> float:
        """By how much bad requests scatter more than by chance: 1 unless that is significant."""
        return self._scatter.phi

    def log_ratios(self, new: Counted, old: Counted) -> list[float]:
        """Of each alternative, for this tick. Both sides must have had requests."""
        self._choose_bets(new, old)
        phi = max(self.phi, self.phi_before, self._own_clumps(new, old))
        return [bet.log_ratio(new, old) / phi for bet in self._bets]

    def learn(self, new: Counted, old: Counted, took_s: float) -> None:
        """Remembers a tick, after it was judged."""
        if self._new_of and old[0] + new[0] >= 1:
            self._scatter.see(new, old, self._new_bad / self._new_of * new[1], self.share * old[1])
        kept = exp(-took_s / MEMORY_S)
        self.bad, self.of = kept * self.bad + old[0], kept * self.of + old[1]
        self._new_bad, self._new_of = kept * self._new_bad + new[0], kept * self._new_of + new[1]
        self._old_of = kept * self._old_of + old[1]

    def bets(self, ratio: float) -> list[_Bet]:
        """The best ones where the new release has `ratio` times the requests of the one before."""
        return [_Bet.on(odds, self, ratio) for odds in self.odds]

    def _own_clumps(self, new: Counted, old: Counted) -> float:
        """How errors that come in bursts scatter between the two, if each burst befalls one side only."""
        if not self.clumps_s:
            return 1.0
        part = new[1] / (new[1] + old[1])
        a_second = self.share * (self._old_of + self._new_of) / MEMORY_S
        return 1 + 2 * a_second * part * (1 - part) * self.clumps_s

    def _choose_bets(self, new: Counted, old: Counted) -> None:
        ratio = self._new_of / self._old_of if self._old_of and self._new_of else new[1] / old[1]
        then, there = self._made_for
        if not then or not _is_near(ratio, then) or not _is_near(self.share, there):
            self._bets, self._made_for = self.bets(ratio), (ratio, self.share)


def _is_near(one: float, other: float) -> bool:
    return other / NEAR <= one <= other * NEAR


@dataclass(frozen=True, slots=True)
class _Bet:
    """The k1, b1 and b0 of one alternative, with the logarithms that do not change from tick to tick."""

    times: float
    k1: float
    b1: float
    b0: float
    if_bad: float
    if_good: float

    @classmethod
    def on(cls, odds: float, control: Control, ratio: float) -> _Bet:
        """That the new release's odds of being bad are so many times what is tolerated, against that they are not."""
        times, more, there, ceiling = control.times, control.more, control.share, control.tolerated
        share = odds * ceiling / (1 - ceiling + odds * ceiling)
        b0 = _nearest(share, there, times * ratio, control)
        b1 = times * b0 + more
        k1 = min(max((share - b1) / (b1 * (1 - b1)), 0.0), MOST_OF_A_FACTOR / b1)
        return cls(times, k1, b1, b0, log1p(k1 * (1 - b1)), log1p(-k1 * b1))

    def log_ratio(self, new: Counted, old: Counted) -> float:
        """Of one tick."""
        (bad, of), (old_bad, old_of) = new, old
        k0 = self.times * of * self.k1 / old_of
        most = k0 * (1 - self.b0)
        if most <= MOST_OF_A_FACTOR:
            ours = bad * self.if_bad + (of - bad) * self.if_good
        else:
            k0 *= MOST_OF_A_FACTOR / most
            k1 = self.k1 * MOST_OF_A_FACTOR / most
            ours = bad * log1p(k1 * (1 - self.b1)) + (of - bad) * log1p(-k1 * self.b1)
        return ours + old_bad * log1p(-k0 * (1 - self.b0)) + (old_of - old_bad) * log1p(k0 * self.b0)


def _nearest(share: float, there: float, ratio: float, control: Control) -> float:
    """The release before in the tolerated pair that is next to (share, there), as for rare events. `ratio`: `times` the
    requests of the new one by those of the one before."""
    times, more = control.times, control.more
    beyond = share - times * there - more
    linear = share * ratio + times * there + more * (1 - ratio)
    raised = 2 * beyond / (linear + sqrt(max(linear * linear - 4 * more * ratio * beyond, 0.0)))
    return min(there / max(1 - ratio * raised, 1e-9), (0.99 - more) / times)


@dataclass(slots=True)
class _Scatter:
    """How far apart ticks that follow each other are: what lasts is no scatter."""

    squares: float = SURE_AFTER
    ticks: float = SURE_AFTER
    last: float | None = None  # how far the last tick was off, in standard deviations

    @property
    def phi(self) -> float:
        found = self.squares / self.ticks
        return found if found > 1 + SIGNIFICANT * sqrt(2 / self.ticks) else 1.0

    def see(self, new: Counted, old: Counted, expected: float, expected_old: float) -> None:
        bad, of = new[0] + old[0], new[1] + old[1]
        part = min(max(expected / max(expected + expected_old, 1e-12), 1e-3), 1 - 1e-3)
        off = (new[0] - part * bad) / sqrt(part * (1 - part) * bad * max(1 - bad / of, 1e-3))
        if self.last is not None:
            self.squares += min((off - self.last) ** 2 / 2, OUTLIER)
            self.ticks += 1
        self.last = off
