"""The sequential test: is this release worse than the one before, by more than is tolerated? Asked at every tick.

It may be asked as often as one likes: for a release no worse than tolerated, whose requests fail independently of each
other, the chance that it is *ever* taken for bad is at most `ALPHA`. Where the baseline itself comes in bursts or
wanders, that holds only approximately, and the sentence says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from mobius.model.baseline import Baseline, Block
from mobius.rules.adaptive.ceilings import ALPHA, BLIP_S, Ceiling, ceilings, without_ceiling
from mobius.rules.adaptive.control import Counted
from mobius.rules.adaptive.evidence import RELEASE_BEFORE, Beside, Evidence
from mobius.rules.adaptive.words import sentence

THRESHOLD = 1 / (0.8 * ALPHA)  # the rest of it was spent on the ceilings
ERRORS_WEIGHT = 0.5  # of the bet; the other half is shared by the channels of slow answers
# That share failing for longer than a blip, seen so often, leaves no doubt.
ALL_BAD, ALL_BAD_LOOKS = 0.9, 3
RECENT_S = 60.0  # what the sentence calls "now"
ENOUGH_ANSWERS = 500  # of the control, to know how slow is slow where nothing else is known

Tick = tuple[
    tuple[Counted, Counted | None], ...
]  # by channel: the new release, and the one before at this time


@dataclass(frozen=True, slots=True)
class Judged:
    """What one tick came to. `evidence` against `threshold`: 1,250 means a chance of at most 1 in 1,250."""

    is_bad: bool
    evidence: float
    threshold: float
    sentence: str = ""
    channel: str = ""


class Adaptive:
    """One release, held against `baseline` for `window_s` seconds, and against what the one before answers meanwhile.

    `share_of_alpha`: what part of the claimed chance of a false alarm this test may spend, where several are made.
    `blip_s`: the longest bad moment that is forgiven; `slow_ms`: what the quality gates call slow; `most_errors`: the
    policy's own limit of them, as a share; `tolerated`: beside what answers meanwhile. Without a baseline, and while
    the release before answers nothing, only what fails as a whole is found.
    """

    def __init__(
        self,
        baseline: Baseline | None,
        *,
        window_s: float,
        share_of_alpha: float = 1.0,
        blip_s: float = BLIP_S,
        slow_ms: float | None = None,
        tolerated: Beside = RELEASE_BEFORE,
        most_errors: float | None = None,
    ) -> None:
        self.threshold = THRESHOLD / share_of_alpha
        self.evidence = 0.0  # as of the last tick, against the threshold
        self._window_s, self._blip_s, self._tolerated = window_s, blip_s, tolerated
        self._evidence: list[Evidence] = []
        self._weights: list[float] = []
        self._weigh(ceilings(baseline, share_of_alpha, blip_s, slow_ms, most_errors))
        self._knows_edges = self._evidence[0].ceiling.is_known
        self._answers: tuple[int, ...] = ()  # of the control, by bucket, until it says how slow is slow
        self._recent: deque[tuple[float, Tick]] = deque()
        self._now_s = 0.0
        self._whole = _Whole(blip_s)

    @property
    def ceilings(self) -> tuple[Ceiling, ...]:
        """What is judged, and what is tolerated in it."""
        return tuple(evidence.ceiling for evidence in self._evidence if evidence.ceiling.is_known)

    @property
    def channels(self) -> tuple[tuple[Evidence, float], ...]:
        """Each with its weight in the whole bet."""
        return tuple(zip(self._evidence, self._weights, strict=True))

    def observe(
        self, requests: int, errors: int, histogram: Sequence[int], took_s: float, beside: Block | None = None
    ) -> Judged:
        """One tick: what was answered in the last `took_s` seconds; `histogram` has the times of the answers.
        `beside`: what the release before answered meanwhile."""
        self._now_s += took_s
        counted = tuple(
            (
                _counted(evidence.ceiling.above, requests, errors, histogram),
                _control(evidence.ceiling.above, beside, self._tolerated.steps) if beside else None,
            )
            for evidence in self._evidence
        )
        parts = [
            weight * evidence.add(new, took_s, old)
            for weight, evidence, (new, old) in zip(self._weights, self._evidence, counted, strict=True)
        ]
        self._remember(counted)
        if beside and not self._knows_edges:
            self._learn_edges(beside.histogram)
        total = self.evidence = sum(parts)
        if for_s := self._whole.fails_for_s(requests, errors, took_s, beside):
            failed, of = self._whole.failed, self._whole.requests
            words = f"{failed:,} of the last {of:,} requests failed, for {for_s:.0f} s"
            return Judged(True, total, self.threshold, words, "errors")
        if total < self.threshold:
            return Judged(False, total, self.threshold)
        loudest = max(range(len(parts)), key=parts.__getitem__)
        return Judged(
            True, total, self.threshold, self.explain(loudest), self._evidence[loudest].ceiling.name
        )

    def explain(self, channel: int) -> str:
        """Why, in one sentence with its numbers."""
        bad = sum(counted[channel][0][0] for _, counted in self._recent if channel < len(counted))
        of = sum(counted[channel][0][1] for _, counted in self._recent if channel < len(counted))
        evidence, (_, old) = self._evidence[channel], self._recent[-1][1][channel]
        beside = evidence.control if old and old[1] else None
        share = bad / of if of else 0.0
        return sentence(evidence.ceiling, share, self.threshold, beside, self._tolerated.whose)

    def _weigh(self, channels: Sequence[Ceiling]) -> None:
        """Errors have half of the bet, and all of it where nothing else can ever be judged."""
        self._evidence += [Evidence(channel, self._window_s, self._tolerated) for channel in channels]
        if len(self._evidence) == 1 and channels[0].is_known:
            self._weights = [1.0]
            return
        others = len(self._evidence) - 1
        self._weights = [ERRORS_WEIGHT, *[(1 - ERRORS_WEIGHT) / max(others, 1)] * others]

    def _learn_edges(self, histogram: Sequence[int]) -> None:
        self._answers = tuple(a + b for a, b in zip_longest(self._answers, histogram, fillvalue=0))
        if sum(self._answers) >= ENOUGH_ANSWERS:
            self._weigh(without_ceiling(self._answers, self._blip_s, self._tolerated.steps))
            self._knows_edges = True

    def _remember(self, counted: Tick) -> None:
        self._recent.append((self._now_s, counted))
        while self._recent[0][0] <= self._now_s - RECENT_S:
            self._recent.popleft()


class _Whole:
    """Nearly everything fails, for longer than is forgiven: that needs no baseline. Where the release before fails at
    the same time, it is no fault of the new one."""

    def __init__(self, blip_s: float) -> None:
        self._blip_s = blip_s
        self._for_s, self._looks = 0.0, 0
        self.requests, self.failed = 0, 0  # since then
        self._took_s = float("inf")

    def fails_for_s(self, requests: int, errors: int, took_s: float, beside: Block | None) -> float:
        """For how long, when it is time to say so; 0 otherwise. A tick that took far longer than the one before (a
        clock that jumped, a machine that slept) counts for no more than two such."""
        for_s, self._took_s = min(took_s, 2 * self._took_s), took_s
        if beside and beside.requests and beside.errors >= ALL_BAD / 2 * beside.requests:
            return 0.0
        if not requests:
            self._for_s += for_s if self._looks else 0.0
            return 0.0
        if errors < ALL_BAD * requests:
            self._for_s, self._looks = 0.0, 0
            self.requests, self.failed = 0, 0
            return 0.0
        self.requests, self.failed = self.requests + requests, self.failed + errors
        self._for_s, self._looks = self._for_s + for_s, self._looks + 1
        return self._for_s if self._for_s > self._blip_s and self._looks >= ALL_BAD_LOOKS else 0.0


def _counted(above: int, requests: int, errors: int, histogram: Sequence[int]) -> Counted:
    """How many were bad in this channel, and of how many."""
    if above < 0:
        return errors, requests
    return sum(histogram[above + 1 :]), sum(histogram)


def _control(above: int, beside: Block, steps: int) -> Counted:
    """The same of what answers beside it: what is slow begins so many buckets lower there."""
    return _counted(above if above < 0 else above - steps, beside.requests, beside.errors, beside.histogram)
