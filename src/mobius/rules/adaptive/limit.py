"""The policy's own limit for errors where nothing was counted before: a test, too, so that a bad moment is forgiven and
a few failed requests of a quiet service are no proof.

"More than 5 % of the last 100 requests" is met by chance once in a while by a service that fails 2 %, and by any that
was down for some seconds. Asked here is whether the share *is* above the limit; a release that fails no more than that
is ever taken for bad with a chance of at most a fifth of the claimed one, which is what ceilings spend elsewhere.
"""

from __future__ import annotations

from collections import deque

from mobius.model.baseline import Block
from mobius.rules.adaptive.ceilings import ALPHA, Ceiling
from mobius.rules.adaptive.evidence import MOST_IN_LUMPS, NOTHING, ODDS, Bet
from mobius.rules.adaptive.stakes import Stakes
from mobius.rules.adaptive.words import chance, share

RECENT_S = 60.0
OF_THE_LIMIT = 0.2  # of the claimed chance of a false alarm
HIGHEST = 0.9  # more is found by that nearly everything fails


class Limit:
    """Of the share of failed requests, `most` at most, in a window of `window_s` seconds. `evidence` counts against
    `threshold`."""

    def __init__(self, most: float, window_s: float, share_of_alpha: float, blip_s: float) -> None:
        self.most, self._blip_s = min(max(most, 1e-6), HIGHEST), blip_s
        self.threshold = 1 / (OF_THE_LIMIT * ALPHA * share_of_alpha)
        self._bets = [Bet.at(odds, Ceiling("errors", self.most, 0.0)) for odds in ODDS]
        # How errors scatter is not known either: no moment counts for much.
        self._stakes = Stakes(len(ODDS), window_s, blip_s, MOST_IN_LUMPS)
        self._recent: deque[tuple[float, int, int]] = deque()
        self._now_s = 0.0

    @property
    def evidence(self) -> float:
        """What counts against the release now."""
        return self._stakes.value

    def observe(self, requests: int, errors: int, took_s: float, beside: Block | None = None) -> str:
        """One tick; why it is bad, or "". While what answers `beside` it fails half as much as the limit, nothing
        counts: it is no fault of the new one."""
        self._now_s += took_s
        self._recent.append((self._now_s, requests, errors))
        while self._recent[0][0] <= self._now_s - RECENT_S:
            self._recent.popleft()
        befalls_both = beside is not None and beside.errors > self.most / 2 * beside.requests
        if not requests or befalls_both:
            ratios = NOTHING
        else:
            ratios = tuple(bet.log_ratio(errors, requests, took_s) for bet in self._bets)
        if self._stakes.grow(ratios, took_s) < self.threshold:
            return ""
        of = sum(one for _, one, _ in self._recent)
        now = share(sum(bad for _, _, bad in self._recent) / of) if of else "–"
        worst = f", even without the worst {self._blip_s:.0f} s" if self._blip_s else ""
        return (
            f"errors: {now} of {of:,} requests in the last minute (more than {share(self.most)}; "
            f"too little is known of before); {chance(self.threshold)}{worst}"
        )
