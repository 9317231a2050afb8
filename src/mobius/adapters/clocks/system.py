"""The machine's clocks."""

from __future__ import annotations

import threading
import time


class SystemClock:
    """Real time. `stop()` (from a signal handler or another thread) ends every wait at once."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Sleeps, or returns early once stopped."""
        self._stopped.wait(max(0.0, seconds))

    def stop(self) -> None:
        """Ends waiting."""
        self._stopped.set()
