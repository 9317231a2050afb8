"""A lock inside one process, for tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mobius.errors import Locked


class MemoryLock:
    """Held by one `with` at a time; `who` are the words for the others."""

    def __init__(self, who: str = "somebody in this process", what: str = "the environment") -> None:
        self._who = who
        self._what = what
        self._free = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Holds the lock inside the `with`. Raises `Locked` at once when it is held."""
        if not self._free.acquire(blocking=False):
            raise Locked(
                f"{self._what} is locked: {self._who}",
                "look on with `mobius status`; the lock goes when that process does",
            )
        try:
            yield
        finally:
            self._free.release()

    def holder(self) -> str:
        """Who holds it now, or ""."""
        return self._who if self._free.locked() else ""
