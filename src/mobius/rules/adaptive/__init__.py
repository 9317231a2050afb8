"""The sequential test: is this release worse than the one before, by more than is tolerated? Asked at every tick.

It may be asked as often as one likes: for a release no worse than tolerated, whose requests fail independently of each
other, the chance that it is *ever* taken for bad is at most `ALPHA`. Where the baseline itself comes in bursts or
wanders, that holds only approximately, and the sentence says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from mobius.model.baseline import Baseline
from mobius.rules.adaptive.ceilings import ALPHA, BLIP_S, Ceiling, ceilings
from mobius.rules.adaptive.evidence import Evidence
from mobius.rules.adaptive.words import sentence

THRESHOLD = 1 / (0.8 * ALPHA)  # the rest of it was spent on the ceilings
ERRORS_WEIGHT = 0.5  # of the bet; the other half is shared by the channels of slow answers
# That share failing for longer than a blip, seen so often, leaves no doubt.
ALL_BAD, ALL_BAD_LOOKS = 0.9, 3
RECENT_S = 60.0  # what the sentence calls "now"


@dataclass(frozen=True, slots=True)
class Judged:
    """What one tick came to. `evidence` against `threshold`: 1,250 means a chance of at most 1 in 1,250."""

    is_bad: bool
    evidence: float
    threshold: float
    sentence: str = ""
    channel: str = ""


class Adaptive:
    """One release, held against `baseline` for `window_s` seconds.

    `share_of_alpha`: what part of the claimed chance of a false alarm this test may spend, where several are made.
    Without a baseline only what fails as a whole is found.
    """

    def __init__(self, baseline: Baseline | None, *, window_s: float, share_of_alpha: float = 1.0) -> None:
        self.ceilings: tuple[Ceiling, ...] = (
            ceilings(baseline, share_of_alpha) if baseline and baseline.total.requests else ()
        )
        self.threshold = THRESHOLD / share_of_alpha
        self.evidence = 0.0  # as of the last tick, against the threshold
        self._evidence = [Evidence(ceiling, window_s) for ceiling in self.ceilings]
        others = max(1, len(self._evidence) - 1)
        rest = (1 - ERRORS_WEIGHT) / others
        self._weights = [ERRORS_WEIGHT, *[rest] * others] if len(self._evidence) > 1 else [1.0]
        self._recent: deque[tuple[float, tuple[tuple[int, int], ...]]] = deque()
        self._now_s = 0.0
        self._all_bad_from_s, self._all_bad_looks = 0.0, 0

    def observe(self, requests: int, errors: int, histogram: Sequence[int], took_s: float) -> Judged:
        """One tick: what was answered in the last `took_s` seconds; `histogram` has the times of the answers."""
        self._now_s += took_s
        counted = tuple(_counted(ceiling, requests, errors, histogram) for ceiling in self.ceilings)
        parts = [
            weight * evidence.add(bad, of, took_s)
            for weight, evidence, (bad, of) in zip(self._weights, self._evidence, counted, strict=False)
        ]
        self._remember(counted)
        total = self.evidence = sum(parts)
        if self._fails_as_a_whole(requests, errors, took_s):
            for_s = self._now_s - self._all_bad_from_s
            words = f"{errors:,} of the last {requests:,} requests failed, for {for_s:.0f} s"
            return Judged(True, total, self.threshold, words, "errors")
        if total < self.threshold:
            return Judged(False, total, self.threshold)
        loudest = max(range(len(parts)), key=parts.__getitem__)
        return Judged(True, total, self.threshold, self.explain(loudest), self.ceilings[loudest].name)

    def explain(self, channel: int) -> str:
        """Why, in one sentence with its numbers."""
        bad = sum(counted[channel][0] for _, counted in self._recent)
        of = sum(counted[channel][1] for _, counted in self._recent)
        return sentence(self.ceilings[channel], bad / of if of else 0.0, self.threshold)

    def _remember(self, counted: tuple[tuple[int, int], ...]) -> None:
        self._recent.append((self._now_s, counted))
        while self._recent[0][0] <= self._now_s - RECENT_S:
            self._recent.popleft()

    def _fails_as_a_whole(self, requests: int, errors: int, took_s: float) -> bool:
        if not requests:
            return False
        if errors < ALL_BAD * requests:
            self._all_bad_looks = 0
            return False
        if not self._all_bad_looks:
            self._all_bad_from_s = self._now_s - took_s
        self._all_bad_looks += 1
        return self._now_s - self._all_bad_from_s > BLIP_S and self._all_bad_looks >= ALL_BAD_LOOKS


def _counted(ceiling: Ceiling, requests: int, errors: int, histogram: Sequence[int]) -> tuple[int, int]:
    """How many were bad in this channel, and of how many."""
    if ceiling.above < 0:
        return errors, requests
    return sum(histogram[ceiling.above + 1 :]), sum(histogram)
