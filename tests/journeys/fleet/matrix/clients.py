"""Clients who ask the service all the time, some of them slowly; what failed is kept with when it was asked."""

from __future__ import annotations

import http.client
import threading
import time
import urllib.request
from dataclasses import dataclass, field

PAUSE_S, TIMEOUT_S = 0.1, 20.0


@dataclass(frozen=True, slots=True)
class Failure:
    """One request that got no good answer. `at` is when it was sent, in seconds of the monotonic clock."""

    at: float
    path: str
    why: str


@dataclass
class Clients:
    """Each with a thread of its own; used as a context."""

    url: str
    threads: int = 2
    sent: int = 0
    failures: list[Failure] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        paths = ["/slow" if number % 2 else "/" for number in range(self.threads)]
        self._threads = [threading.Thread(target=self._ask, args=(path,), daemon=True) for path in paths]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(TIMEOUT_S + 1.0)

    def since(self, at: float) -> list[Failure]:
        """Those that were sent later than this."""
        return [one for one in self.failures if one.at > at]

    def _ask(self, path: str) -> None:
        while not self._stop.wait(PAUSE_S):
            at = time.monotonic()
            try:
                with urllib.request.urlopen(self.url + path, timeout=TIMEOUT_S) as answer:
                    answer.read()
            except (OSError, http.client.HTTPException) as problem:
                self.failures.append(Failure(at, path, str(problem)))
            self.sent += 1
