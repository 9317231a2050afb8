"""The policy's own limit for errors where nothing was counted before: a test, too, so that a bad moment is forgiven and
a few failed requests of a quiet service are no proof.

"More than 5 % of the last 100 requests" is met by chance once in a while by a service that fails 2 %, and by any that
was down for some seconds. Asked here is whether the share *is* above the limit; a release that fails no more than that
is ever taken for bad with a chance of at most a fifth of the claimed one, which is what ceilings spend elsewhere.
"""

from __future__ import annotations

from collections import deque

from mobius.model.baseline import Block
from mobius.rules.adaptive.bounds import chance_of_so_many
from mobius.rules.adaptive.ceilings import ALPHA, Ceiling
from mobius.rules.adaptive.evidence import MOST_IN_LUMPS, NOTHING, ODDS, Bet
from mobius.rules.adaptive.stakes import Stakes
from mobius.rules.adaptive.words import chance, share

RECENT_S = 60.0
OF_THE_LIMIT = 0.2  # of the claimed chance of a false alarm
HIGHEST = 0.9  # more is found by that nearly everything fails
DOUBT = 0.01  # the chance that the limit itself is taken for more, at the end of a window


class LastMinute:
    """The requests of the last minute, and how many of them failed; the fault of both releases is nobody's."""

    def __init__(self, most: float) -> None:
        self._most = min(max(most, 1e-6), HIGHEST)
        self._looks: deque[tuple[float, int, int]] = deque()
        self._now_s = 0.0
        self._befalls_both = False

    def observe(self, requests: int, errors: int, took_s: float, beside: Block | None = None) -> None:
        """One tick."""
        self._now_s += took_s
        self._looks.append((self._now_s, requests, errors))
        while self._looks[0][0] <= self._now_s - RECENT_S:
            self._looks.popleft()
        self._befalls_both = beside is not None and beside.errors > self._most / 2 * beside.requests

    @property
    def words(self) -> str:
        """ "7.1 % of 1,210 requests in the last minute" """
        requests, errors = self._counted
        return f"{share(errors / requests) if requests else '–'} of {requests:,} requests in the last minute"

    @property
    def doubt(self) -> str:
        """Why a window cannot end in a pass now: more fail than the limit, surely, but not for long. "" when it can."""
        requests, errors = self._counted
        if self._befalls_both or errors <= self._most * requests:
            return ""
        if chance_of_so_many(errors, requests, self._most) > DOUBT:
            return ""
        return f"errors: {self.words} (more than {share(self._most)}), too short a time to be sure"

    @property
    def befalls_both(self) -> bool:
        """Whether what answers beside it failed half as much as the limit at the last look."""
        return self._befalls_both

    @property
    def _counted(self) -> tuple[int, int]:
        return sum(of for _, of, _ in self._looks), sum(bad for _, _, bad in self._looks)


class Limit:
    """Of the share of failed requests, `most` at most, in a window of `window_s` seconds. `evidence` counts against
    `threshold`."""

    def __init__(self, most: float, window_s: float, share_of_alpha: float, blip_s: float) -> None:
        self.most, self._blip_s = min(max(most, 1e-6), HIGHEST), blip_s
        self.threshold = 1 / (OF_THE_LIMIT * ALPHA * share_of_alpha)
        self._bets = [Bet.at(odds, Ceiling("errors", self.most, 0.0)) for odds in ODDS]
        # How errors scatter is not known either: no moment counts for much.
        self._stakes = Stakes(len(ODDS), window_s, blip_s, MOST_IN_LUMPS)

    @property
    def evidence(self) -> float:
        """What counts against the release now."""
        return self._stakes.value

    def observe(self, requests: int, errors: int, took_s: float, last: LastMinute) -> str:
        """One tick, which `last` ends with; why it is bad, or "". While what answers beside it fails half as much as
        the limit, nothing counts: it is no fault of the new one."""
        if not requests or last.befalls_both:
            ratios = NOTHING
        else:
            ratios = tuple(bet.log_ratio(errors, requests, took_s) for bet in self._bets)
        if self._stakes.grow(ratios, took_s) < self.threshold:
            return ""
        worst = f", even without the worst {self._blip_s:.0f} s" if self._blip_s else ""
        return (
            f"errors: {last.words} (more than {share(self.most)}; too little is known of before); "
            f"{chance(self.threshold)}{worst}"
        )
