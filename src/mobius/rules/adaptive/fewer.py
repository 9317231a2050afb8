"""Requests that do not come any more: told, never acted on. A night, a job that ended and a client that went away look
the same as workers that hang; whoever reads it knows which it is."""

from __future__ import annotations

from collections import deque

from mobius.model.baseline import Baseline

OVER_S = 300.0  # a pause of a minute or two is none
FEWER = 0.5  # of the quietest minute of before
ENOUGH = 30  # requests in that minute: with less, chance is a reason


class Fewer:
    """Of all requests together, held against the quietest minute of `baseline`."""

    def __init__(self, baseline: Baseline) -> None:
        minutes = baseline.minutes
        quietest = min((minute.requests for minute in minutes), default=0)
        self._least_per_s = quietest / max(60.0, baseline.block_s) if quietest >= ENOUGH else 0.0
        seconds = len(baseline.blocks) * baseline.block_s
        self._before_per_s = sum(block.requests for block in baseline.blocks) / seconds if seconds else 0.0
        self._recent: deque[tuple[float, int]] = deque()
        self._requests, self._seconds = 0, 0.0

    def observe(self, requests: int, took_s: float) -> None:
        """One tick, of the new release and of the one before, where that answers, too."""
        self._recent.append((took_s, requests))
        self._requests, self._seconds = self._requests + requests, self._seconds + took_s
        while self._seconds - self._recent[0][0] >= OVER_S:
            gone_s, gone = self._recent.popleft()
            self._requests, self._seconds = self._requests - gone, self._seconds - gone_s

    @property
    def words(self) -> str:
        """ "requests fell to 30 % of before (9/s in the last 5 min, 30/s before)"; "" where they did not."""
        if self._seconds < OVER_S or not self._least_per_s:
            return ""
        per_s = self._requests / self._seconds
        if per_s >= FEWER * self._least_per_s:
            return ""
        part = f"{100 * per_s / self._before_per_s:.0f} %"
        return f"requests fell to {part} of before ({per_s:.2g}/s in the last 5 min, {self._before_per_s:.2g}/s before)"
