"""How long this thread could not run although it should have: stopped, starved of processor time, or put to sleep with
the machine. Who did not answer meanwhile may have answered all the same."""

from __future__ import annotations

import contextlib
import os
import threading
import time

LATE_SHARE, LATE_S = 0.1, 0.25  # of the time that a probe has, or this long, whichever is more
# Goes on while the machine sleeps, which the monotonic clock does not everywhere.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", None)


def late_after_s(timeout_s: float) -> float:
    """A prober that lost more than this cannot say of anybody that there was no answer."""
    return max(LATE_S, LATE_SHARE * timeout_s)


class Lag:
    """Grows by what this thread lost, for as long as it tells of each wait. Of the thread that made it only."""

    def __init__(self) -> None:
        self._waited_s = 0.0
        self._started_s = now_s()
        self._starved_at_s = starved_s()

    def waited(self, took_s: float, allowed_s: float) -> None:
        """It was to wait for `allowed_s` at most: no more than that was meant."""
        self._waited_s += min(took_s, allowed_s)

    def so_far_s(self) -> float:
        """Seconds lost since this was made: its own work is part of them, which is small."""
        lost_s = now_s() - self._started_s - self._waited_s
        return max(0.0, lost_s, starved_s() - self._starved_at_s)


def now_s() -> float:
    """Seconds of a clock that nobody sets and that never stands still."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


class _Account:
    """What the kernel says of the thread that made this: time on the processor, and time it was ready and got none."""

    def __init__(self) -> None:
        self._fd = -1
        with contextlib.suppress(OSError):
            self._fd = os.open("/proc/thread-self/schedstat", os.O_RDONLY)

    def starved_s(self) -> float:
        if self._fd < 0:
            return 0.0
        try:
            return int(os.pread(self._fd, 100, 0).split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            return 0.0

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)


class _OfThread(threading.local):
    """One account for each thread, closed when the thread ends."""

    def __init__(self) -> None:
        self.account = _Account()


_here = _OfThread()


def starved_s() -> float:
    """Seconds that this thread has ever been ready to run and waited for a processor; 0 where nobody counts them."""
    return _here.account.starved_s()
