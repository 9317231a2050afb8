"""Databases captured ahead, one after the other in a thread of its own, while other files are packed."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from mobius.archive.publish import Workspace
from mobius.archive.sqlite_capture import Capture, capture_database
from mobius.archive.tree import Found, order_of
from mobius.errors import MobiusError


class Captures:
    """Copies of the databases in `ahead`, and of others on demand: at most two of them on disk at a time."""

    def __init__(self, space: Workspace, ahead: Sequence[Found]) -> None:
        self._scratch = space.scratch()
        self._ahead = deque(ahead)
        self._executor = ThreadPoolExecutor(1, "capture")
        self._next: tuple[str, Future[Capture]] | None = None
        self._number = 0
        self._begin_next()

    def take(self, found: Found) -> Capture:
        """The copy of one database, which the caller removes. Raises what capturing it raised."""
        while self._next is not None and order_of(self._next[0]) < order_of(found.member):
            self._drop_next()  # it turned out to be something else
        if self._next is None or self._next[0] != found.member:
            return self._capture(found, "other")
        captured = self._next[1].result()
        self._begin_next()
        return captured

    def close(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)
        for name in ("0", "1", "other"):
            self._place(name).unlink(missing_ok=True)

    def _drop_next(self) -> None:
        assert self._next is not None
        with contextlib.suppress(MobiusError, OSError):
            self._next[1].result().target.unlink(missing_ok=True)
        self._begin_next()

    def _begin_next(self) -> None:
        self._next = None
        if self._ahead:
            found = self._ahead.popleft()
            self._number += 1
            self._next = (found.member, self._executor.submit(self._capture, found, str(self._number % 2)))

    def _capture(self, found: Found, name: str) -> Capture:
        return capture_database(Path(found.path), self._place(name))

    def _place(self, name: str) -> Path:
        return self._scratch.with_name(f"{self._scratch.name}-{name}")
