"""Two onlookers who read and write while a migration runs: the longest time they cannot is what users would feel.

They ask with no patience (timeout 0), every two milliseconds, less often while one statement runs for long, on
connections of their own; the writer takes the write lock and gives it back, and writes nothing.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

EVERY_S = 0.002
SELDOM_S = 0.05  # of a statement that runs for seconds
OFTEN, SELDOM = 1 / 50, 1 / 10  # of the time that it runs


def pause_s(since: float, share: float = OFTEN) -> float:
    """How long to wait before looking again at what runs since then (monotonic seconds): a share of its time."""
    return max(EVERY_S, min(SELDOM_S, (time.monotonic() - since) * share))


@dataclass(slots=True)
class Waits:
    """When somebody was kept waiting: (from, to), monotonic seconds. The last one may still be open."""

    spans: list[tuple[float, float]] = field(default_factory=list)
    since: float = 0.0

    def longest(self, begin: float, end: float) -> float:
        """The longest wait within this time, in seconds."""
        since = self.since  # once, and before the others: whoever waits may be done in this moment
        spans = [*([(since, end)] if since else []), *self.spans]
        return max(
            (min(to, end) - max(at, begin) for at, to in spans if to > begin and at < end), default=0.0
        )


class Probes:
    """A reader and a writer at a database, as long as the `with` lasts."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._runs_since = float("inf")
        self._stop = threading.Event()
        self.reads, self.writes = Waits(), Waits()

    @contextlib.contextmanager
    def looking(self) -> Iterator[Probes]:
        """Starts them, and ends them."""
        threads = [
            threading.Thread(
                target=self._probe, args=(self.reads, "SELECT count(*) FROM sqlite_master"), daemon=True
            ),
            threading.Thread(target=self._probe, args=(self.writes, "BEGIN IMMEDIATE"), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def runs(self) -> None:
        """A statement begins just now."""
        self._runs_since = time.monotonic()

    def _probe(self, waits: Waits, sql: str) -> None:
        uri = f"{self._database.absolute().as_uri()}?mode=rw"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None)) as db:
            while not self._stop.wait(pause_s(self._runs_since)):
                began = time.monotonic()
                try:
                    db.execute(sql).fetchall()
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                except sqlite3.OperationalError:
                    waits.since = waits.since or began
                    continue
                if waits.since:
                    waits.spans.append((waits.since, began))
                    waits.since = 0.0
            if waits.since:
                waits.spans.append((waits.since, time.monotonic()))
                waits.since = 0.0
