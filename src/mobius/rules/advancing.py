"""From bytes that were counted to an honest estimate: how fast it is now, and how long it still takes, if known."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from mobius.model.advance import Advance

EVERY_S = 0.5
LOOK_BACK_S = 10.0  # the speed is that of the last seconds: a slow disk shows while it is slow
KNOWN_AFTER_S = 1.0  # before that a rate is a guess


class Pace:
    """Takes `(done_bytes, total_bytes)` as often as it comes, and tells an `Advance` now and then. `words` makes its
    line from done, total, bytes per second and the seconds left."""

    def __init__(
        self,
        tell: Callable[[str], None],
        words: Callable[[int, int, float, float | None], str],
        monotonic: Callable[[], float],
    ) -> None:
        self._tell = tell
        self._words = words
        self._monotonic = monotonic
        began = monotonic()
        self._told_at = began
        self._ended = False
        self._seen: deque[tuple[float, int]] = deque([(began, 0)])

    def __call__(self, done_bytes: int, total_bytes: int) -> None:
        now, at_the_end = self._monotonic(), done_bytes >= total_bytes
        if now - self._told_at < EVERY_S and (self._ended or not at_the_end):
            return
        self._ended = at_the_end  # told once at once, for what comes then may take long
        self._told_at = now
        self._seen.append((now, done_bytes))
        while len(self._seen) > 2 and self._seen[1][0] <= now - LOOK_BACK_S:
            self._seen.popleft()
        since, before = self._seen[0]
        took_s, moved = now - since, max(0, done_bytes - before)
        bytes_per_s = moved / took_s if took_s > 0 else 0.0
        known = took_s >= KNOWN_AFTER_S and bytes_per_s > 0
        left_s = max(0, total_bytes - done_bytes) / bytes_per_s if known else None
        line = self._words(done_bytes, total_bytes, bytes_per_s, left_s)
        self._tell(Advance(line, done_bytes, total_bytes, bytes_per_s, left_s))
