"""Who looks on while a migration runs on PostgreSQL: a sampler of all sessions, beside users who read and write.

None of them is enough alone: the migrating session sees the locks of its open transaction, but none of a statement that
commits by itself (CONCURRENTLY, VACUUM); the sampler sees those, and misses what is over in less than its period; the
probes (`postgres_probes`) feel what users would feel. What runs in a program of the project's own is told by triggers
as well (`postgres_events`).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mobius.adapters.databases.postgres_address import Address, driver
from mobius.adapters.trial.postgres_copies import ONLOOKER, onlooker
from mobius.adapters.trial.probes import OFTEN, SELDOM, pause_s

# How strong a lock is: the place in the manual's table of conflicts (Explicit Locking, 13.3.1).
MODES = (
    "AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock",
    "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
)  # fmt: skip
WRITING = MODES[MODES.index("RowExclusiveLock") :]
_LOCKS = """
SELECT l.pid, l.relation, l.mode, l.granted FROM pg_locks l WHERE l.locktype = 'relation' AND l.pid <> ALL (%s)
AND (l.relation >= 16384 OR NOT l.granted)
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
_OURS = "SELECT pid FROM pg_stat_get_activity(NULL) WHERE application_name = %s"
_SESSIONS = """
SELECT a.pid, extract(epoch FROM a.query_start)::float8, extract(epoch FROM a.state_change)::float8, a.state, a.query
FROM pg_stat_get_activity(NULL) a WHERE a.application_name <> %s AND a.query_start IS NOT NULL
AND a.datid = (SELECT oid FROM pg_database WHERE datname = current_database())"""
_WRITTEN = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"


def strongest(one: str, other: str) -> str:
    """The stronger of two lock modes; "" is none."""
    return max(one, other, key=lambda mode: MODES.index(mode) if mode in MODES else -1)


@dataclass(slots=True)
class Query:
    """A query that another session ran, as it was seen from outside; times as of the server's clock, `wal` in bytes
    since somewhere."""

    pid: int
    text: str
    began: float
    ended: float
    locks: dict[int, str] = field(default_factory=dict)
    wal_from: int = 0
    wal_to: int = 0


class Sampler:
    """Notes every lock that a session other than ours is seen to hold in the database (of the catalogs' only those that
    are waited for), every two milliseconds, less often while one statement runs for long; and the queries themselves,
    where they are asked for. `on_lock` is told of every relation that is locked."""

    def __init__(
        self, address: Address, *, queries: bool = False, on_lock: Callable[[int, str], object] | None = None
    ) -> None:
        self._address, self._queries, self._on_lock = address, queries, on_lock
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._since: dict[int, str] = {}
        self._open: dict[int, Query] = {}
        self._began = time.monotonic()
        self._share = OFTEN
        self.done: list[Query] = []
        self.waits = False  # whether somebody waits for a lock just now
        self.ahead_s = 0.0  # of the server's clock before our monotonic one

    @contextlib.contextmanager
    def looking(self) -> Iterator[Sampler]:
        """Looks on while inside the `with`."""
        with contextlib.closing(onlooker(self._address)) as db:
            self.ahead_s = _ahead_s(db)
            thread = threading.Thread(target=self._sample, args=(db,), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                self._stop.set()
                thread.join()
                self.done += self._open.values()

    def taken(self, *, is_told: bool = False) -> dict[int, str]:
        """The strongest lock on each relation since this was asked last. `is_told`: what runs next will say itself
        which locks it took, so that it is looked at less often."""
        with self._lock:
            since, self._since = self._since, {}
            self._began, self._share = time.monotonic(), SELDOM if is_told else OFTEN
        return since

    @property
    def last(self) -> str:
        """The text of the query that was begun last, where queries are noted."""
        found = [*self.done, *self._open.values()]
        return max(found, key=lambda query: query.began).text if found else ""

    def _sample(self, db: Any) -> None:
        with contextlib.suppress(driver().Error):  # the database is gone: so are those we look at
            ours = [row[0] for row in db.execute(_OURS, (ONLOOKER,)).fetchall()]
            while not self._stop.is_set():
                if self._queries:
                    self._note_queries(db)
                rows = db.execute(_LOCKS, (ours,), prepare=True).fetchall()
                self._note_locks(rows)
                self._stop.wait(pause_s(self._began, self._share))

    def _note_locks(self, rows: list[tuple[int, int, str, bool]]) -> None:
        with self._lock:
            for pid, relation, mode, granted in rows:
                if not granted:
                    continue
                self._since[relation] = strongest(self._since.get(relation, ""), mode)
                if pid in self._open:
                    locks = self._open[pid].locks
                    locks[relation] = strongest(locks.get(relation, ""), mode)
        self.waits = any(not row[3] for row in rows)
        if self._on_lock:
            for _, relation, mode, _ in rows:
                self._on_lock(relation, mode)

    def _note_queries(self, db: Any) -> None:
        rows = db.execute(_SESSIONS, (ONLOOKER,), prepare=True).fetchall()
        wal = int(db.execute(_WRITTEN, prepare=True).fetchone()[0])
        for pid, began, changed, state, text in rows:
            query = self._open.get(pid)
            if query is None or query.began != began:
                if query is not None:
                    query.ended = min(max(query.ended, query.began), began)
                    self.done.append(query)
                self._open[pid] = query = Query(pid, text, began, began, wal_from=wal)
                self._began = time.monotonic()
            if state == "active" or query.wal_to == 0:
                query.wal_to = wal
            query.ended = time.monotonic() + self.ahead_s if state == "active" else max(changed, began)


def _ahead_s(db: Any) -> float:
    """By the quickest of a few answers."""
    tries = []
    for _ in range(5):
        began = time.monotonic()
        (then,) = db.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        ended = time.monotonic()
        tries.append((ended - began, then - (began + ended) / 2))
    return float(min(tries)[1])
