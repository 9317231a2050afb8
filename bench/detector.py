"""The product's own judgement behind the interface of the detection harness: `factory()`, one deployment each."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.model.baseline import Baseline, Block
from mobius.model.policies import ADAPTIVE
from mobius.rules.adaptive import Adaptive

BLOCK_S, WINDOW_S = 30.0, 3600.0
MOST_ERRORS = (ADAPTIVE.max_error_rate_pct or 100.0) / 100


class Detector:
    """`start` with what the previous release did, then `observe` every tick; True means: roll back."""

    def start(
        self,
        requests: int,
        errors: int,
        histogram: Sequence[int],
        blocks: Sequence[tuple[int, int, Sequence[int]]],
    ) -> None:
        there = tuple(Block(n, failed, tuple(times)) for n, failed, times in blocks)
        baseline = Baseline(there, BLOCK_S, Block(requests, errors, tuple(histogram)))
        self._adaptive = Adaptive(baseline, window_s=WINDOW_S, most_errors=MOST_ERRORS)
        self._at = 0.0

    def observe(self, at: float, requests: int, errors: int, histogram: Sequence[int]) -> bool:
        took_s, self._at = at - self._at, at
        return self._adaptive.observe(requests, errors, histogram, took_s).is_bad


def factory() -> Detector:
    """A new one."""
    return Detector()
