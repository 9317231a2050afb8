"""Time that passes only when somebody waits, for tests: an hour of watching takes a moment."""

from __future__ import annotations

from collections.abc import Callable


class MemoryClock:
    """Starts at `now`. Things to happen at a later time are told to `in_s`, and happen during a wait."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._monotonic = 1000.0
        self._later: list[tuple[float, Callable[[], None]]] = []

    def now(self) -> float:
        """Unix seconds."""
        return self._now

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        return self._monotonic

    def wait(self, seconds: float) -> None:
        """Time has passed, and what was to happen meanwhile has happened."""
        until = self._monotonic + max(0.0, seconds)
        while due := [one for one in self._later if one[0] <= until]:
            first = min(due, key=lambda one: one[0])
            self._later.remove(first)
            self._pass(max(0.0, first[0] - self._monotonic))
            first[1]()
        self._pass(max(0.0, until - self._monotonic))

    def in_s(self, seconds: float, act: Callable[[], None]) -> None:
        """`act` is called once, `seconds` from now, by whoever waits over that moment."""
        self._later.append((self._monotonic + seconds, act))

    def jump(self, seconds: float) -> None:
        """Somebody sets the clock of the machine; the monotonic one does not care."""
        self._now += seconds

    def _pass(self, seconds: float) -> None:
        self._now += seconds
        self._monotonic += seconds
