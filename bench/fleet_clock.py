"""Time that passes only where somebody waits, for many workers side by side in one thread: an hour takes a moment."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

BEGAN = 1_800_000_000.0
P = ParamSpec("P")
T = TypeVar("T")


class SimulatedClock:
    """A `Clock` that stands at `at` seconds. What is done inside of a pool moves it as if it was done side by side."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        """Unix seconds."""
        return BEGAN + self.at

    def monotonic(self) -> float:
        """Seconds since it began."""
        return self.at

    def wait(self, seconds: float) -> None:
        """That time has passed."""
        self.at += max(0.0, seconds)

    def side_by_side(self, workers: int) -> SimulatedPool:
        """So many workers, all free now."""
        return SimulatedPool(self, workers)


class SimulatedPool(Executor):
    """Each task is done when it is submitted, at the time at which the first worker is free for it; what it raises
    comes out of its future, but for a kill, which ends the process and so the submitting, too. When the pool is
    closed, it is as late as the last of them was."""

    def __init__(self, clock: SimulatedClock, workers: int) -> None:
        self._clock = clock
        self._free = [clock.at] * workers
        self._late = clock.at

    def submit(self, act: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Done already."""
        done: Future[T] = Future()
        self._clock.at = heapq.heappop(self._free)
        try:
            done.set_result(act(*args, **kwargs))
        except Exception as problem:
            done.set_exception(problem)
        finally:
            self._late = max(self._late, self._clock.at)
            heapq.heappush(self._free, self._clock.at)
        return done

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False, **_: Any) -> None:
        """All are done."""
        self._clock.at = self._late
