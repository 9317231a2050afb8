"""Who looks on while a migration runs on PostgreSQL: a sampler of its locks, and users who read and write.

None of them is enough alone: the migrating session sees the locks of its open transaction, but none of a statement that
commits by itself (CONCURRENTLY, VACUUM); the sampler sees those, and misses what is over in less than its period; the
probes feel what users would feel.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from mobius.adapters.databases.postgres_address import Address, driver
from mobius.adapters.trial.postgres_catalog import Relation
from mobius.adapters.trial.probes import EVERY_S, Waits

# How strong a lock is: the place in the manual's table of conflicts (Explicit Locking, 13.3.1).
MODES = (
    "AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock",
    "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
)  # fmt: skip
WAITED_S = 0.005  # a query of a probe takes less; what takes longer was kept waiting
LOCKS = "SELECT relation, mode FROM pg_locks WHERE pid = %s AND locktype = 'relation' AND granted"


def strongest(one: str, other: str) -> str:
    """The stronger of two lock modes; "" is none."""
    return max(one, other, key=lambda mode: MODES.index(mode) if mode in MODES else -1)


class Sampler:
    """Notes every lock that a session is seen to hold, from another session, every two milliseconds."""

    def __init__(self, address: Address, pid: int) -> None:
        self._address, self._pid = address, pid
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._seen: dict[int, str] = {}

    @contextlib.contextmanager
    def looking(self) -> Iterator[Sampler]:
        thread = threading.Thread(target=self._sample, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()

    def taken(self) -> dict[int, str]:
        """The strongest lock on each relation since this was asked last."""
        with self._lock:
            seen, self._seen = self._seen, {}
        return seen

    def _sample(self) -> None:
        with contextlib.closing(connection(self._address)) as db:
            while not self._stop.wait(EVERY_S):
                rows = db.execute(LOCKS, (self._pid,), prepare=True).fetchall()
                with self._lock:
                    for relation, mode in rows:
                        self._seen[relation] = strongest(self._seen.get(relation, ""), mode)


class PostgresProbes:
    """A reader and a writer at each touched table, as long as the `with` lasts. The writer takes the lock that every
    write takes, and writes nothing."""

    def __init__(self, address: Address, tables: Sequence[Relation]) -> None:
        self._address, self._tables = address, tables
        self._stop = threading.Event()
        self.reads = [Waits() for _ in tables]
        self.writes = [Waits() for _ in tables]

    @contextlib.contextmanager
    def looking(self) -> Iterator[PostgresProbes]:
        ready = threading.Barrier(2 * len(self._tables) + 1)
        threads = []
        for table, reads, writes in zip(self._tables, self.reads, self.writes, strict=True):
            read = f"SELECT 1 FROM {table.quoted} LIMIT 1"
            write = f"LOCK TABLE {table.quoted} IN ROW EXCLUSIVE MODE"
            for waits, sql in ((reads, read), (writes, write)):
                threads.append(threading.Thread(target=self._probe, args=(waits, sql, ready), daemon=True))
        for thread in threads:
            thread.start()
        ready.wait(30)
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def longest(self, begin: float, end: float) -> tuple[float, float]:
        """The longest that somebody could not read, and could not write, within this time."""
        read_s = max((waits.longest(begin, end) for waits in self.reads), default=0.0)
        return read_s, max((waits.longest(begin, end) for waits in self.writes), default=0.0)

    def _probe(self, waits: Waits, sql: str, ready: threading.Barrier) -> None:
        psycopg = driver()
        with contextlib.closing(connection(self._address)) as db:
            ready.wait(30)
            while not self._stop.wait(EVERY_S):
                began = time.monotonic()
                waits.since = began
                try:
                    with db.transaction():
                        db.execute(sql)
                except psycopg.Error:
                    waits.since = 0.0
                    return  # the table is gone or has another name: nobody waits for it any more
                ended = time.monotonic()
                waits.since = 0.0
                if ended - began >= WAITED_S:
                    waits.spans.append((began, ended))


def connection(address: Address) -> Any:
    """A session of an onlooker: it commits by itself."""
    parameters = {**address.parameters, **address.secrets, "application_name": "mobius trial"}
    return driver().connect(**parameters, autocommit=True)
