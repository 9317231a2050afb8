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
from dataclasses import dataclass
from math import exp, log1p, sqrt

LEAST = 0.1  # of the new release's requests: with fewer of the old a control says less than the baseline
MEMORY_S = 300.0  # how long what the control answered says what it will answer
MOST_OF_A_FACTOR = 0.95
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
    _last: float | None = None  # how far the last tick was off, in standard deviations
    _scatter: float = SURE_AFTER
    _ticks: float = SURE_AFTER
    _new_bad: float = 0.01
    _new_of: float = 10.0

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
        found = self._scatter / self._ticks
        return found if found > 1 + SIGNIFICANT * sqrt(2 / self._ticks) else 1.0

    def log_ratios(self, new: Counted, old: Counted) -> list[float]:
        """Of each alternative, for this tick. Both sides must have had requests."""
        phi = self.phi
        return [self.log_ratio(odds, new, old) / phi for odds in self.odds]

    def log_ratio(self, odds: float, new: Counted, old: Counted) -> float:
        """That the new release's odds of being bad are so many times what is tolerated, against that they are not."""
        (bad, of), (old_bad, old_of) = new, old
        there, ceiling = self.share, self.tolerated
        share = odds * ceiling / (1 - ceiling + odds * ceiling)
        b0 = self._nearest(share, there, self.times * of / old_of)
        b1 = self.times * b0 + self.more
        if b1 >= share:
            return 0.0
        k1 = (share - b1) / (b1 * (1 - b1))
        k0 = self.times * of * k1 / old_of
        if (most := k0 * (1 - b0)) > MOST_OF_A_FACTOR:
            k0, k1 = k0 * MOST_OF_A_FACTOR / most, k1 * MOST_OF_A_FACTOR / most
        return (
            bad * log1p(k1 * (1 - b1))
            + (of - bad) * log1p(-k1 * b1)
            + old_bad * log1p(-k0 * (1 - b0))
            + (old_of - old_bad) * log1p(k0 * b0)
        )

    def _nearest(self, share: float, there: float, ratio: float) -> float:
        """The release before in the tolerated pair that is next to (share, there), as for rare events."""
        at_most = self.times * there + self.more
        linear = share * ratio + self.times * there + self.more * (1 - ratio)
        root = sqrt(max(linear * linear - 4 * self.more * ratio * (share - at_most), 0.0))
        raised = 2 * (share - at_most) / (linear + root)
        return min(there / max(1 - ratio * raised, 1e-9), (0.99 - self.more) / self.times)

    def learn(self, new: Counted, old: Counted, took_s: float) -> None:
        """Remembers a tick, after it was judged."""
        self._see_scatter(new, old)
        kept = exp(-took_s / MEMORY_S)
        self.bad, self.of = kept * self.bad + old[0], kept * self.of + old[1]
        self._new_bad, self._new_of = kept * self._new_bad + new[0], kept * self._new_of + new[1]

    def _see_scatter(self, new: Counted, old: Counted) -> None:
        """Differences between one tick and the next: what lasts is no scatter."""
        bad = new[0] + old[0]
        if bad < 1:
            return
        one, other = self._new_bad / self._new_of * new[1], self.bad / self.of * old[1]
        part = min(max(one / max(one + other, 1e-12), 1e-3), 1 - 1e-3)
        good = max(1 - bad / (new[1] + old[1]), 1e-3)
        off = (new[0] - part * bad) / sqrt(part * (1 - part) * bad * good)
        if self._last is not None:
            self._scatter += min((off - self._last) ** 2 / 2, OUTLIER)
            self._ticks += 1
        self._last = off
