"""Who looks on while a migration runs on PostgreSQL: a sampler of all sessions, and users who read and write.

None of them is enough alone: the migrating session sees the locks of its open transaction, but none of a statement that
commits by itself (CONCURRENTLY, VACUUM); the sampler sees those, and misses what is over in less than its period; the
probes feel what users would feel. What runs in a program of the project's own is told by triggers as well
(`postgres_events`).
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
from mobius.adapters.trial.probes import Waits, pause_s

# How strong a lock is: the place in the manual's table of conflicts (Explicit Locking, 13.3.1).
MODES = (
    "AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock",
    "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
)  # fmt: skip
WRITING = MODES[MODES.index("RowExclusiveLock") :]
PROBE_S = 0.004  # how often a probe asks; less often while one statement runs for long
WAITED_S = 0.005  # a query of a probe takes less; what takes longer was kept waiting
_LOCKS = """
SELECT l.pid, l.relation, l.mode, l.granted FROM pg_locks l WHERE l.locktype = 'relation' AND l.pid <> ALL (%s)
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
    """Notes every lock that a session other than ours is seen to hold in the database, every two milliseconds, less
    often while one statement runs for long; and the queries themselves, where they are asked for. `on_lock` is told of
    every relation that is locked."""

    def __init__(
        self, address: Address, *, queries: bool = False, on_lock: Callable[[int, str], object] | None = None
    ) -> None:
        self._address, self._queries, self._on_lock = address, queries, on_lock
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._since: dict[int, str] = {}
        self._open: dict[int, Query] = {}
        self._began = time.monotonic()
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

    def taken(self) -> dict[int, str]:
        """The strongest lock on each relation since this was asked last."""
        with self._lock:
            since, self._since = self._since, {}
            self._began = time.monotonic()
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
                self._stop.wait(pause_s(self._began))

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


class PostgresProbes:
    """A reader and a writer at each table that is given, as long as the `with` lasts; at no more than `most` tables at
    a time. The writer takes the lock that every write takes, and writes nothing."""

    def __init__(self, address: Address, most: int) -> None:
        self._address = address
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._pairs = [(_Probe(), _Probe()) for _ in range(most)]
        self._free = list(self._pairs)
        self._at: dict[str, tuple[_Probe, _Probe]] = {}
        self._runs_since = float("inf")

    def runs(self) -> None:
        """A statement begins just now."""
        self._runs_since = time.monotonic()

    @contextlib.contextmanager
    def looking(self) -> Iterator[PostgresProbes]:
        """Starts them, and ends them."""
        everybody = [probe for pair in self._pairs for probe in pair]
        threads = [
            threading.Thread(target=probe.run, args=(self._address, self._stop, self._pause_s), daemon=True)
            for probe in everybody
        ]
        for thread in threads:
            thread.start()
        for probe in everybody:
            probe.ready.wait(30)
        try:
            yield self
        finally:
            self._stop.set()
            for probe in everybody:
                probe.given.set()
            for thread in threads:
                thread.join(30)

    def at(self, table: str) -> None:
        """Probes this table from now on; where all probes have one, instead of the one that was named longest ago."""
        with self._lock:
            pair = self._at.pop(table, None)
            if pair is None and (self._free or self._at):
                pair = self._free.pop() if self._free else self._at.pop(next(iter(self._at)))
                pair[0].give(f"SELECT 1 FROM {table} LIMIT 1")
                pair[1].give(f"BEGIN; LOCK TABLE {table} IN ROW EXCLUSIVE MODE; ROLLBACK")
            if pair is not None:
                self._at[table] = pair

    def longest(self, begin: float, end: float) -> tuple[float, float]:
        """The longest that somebody could not read, and could not write, within this time."""
        read_s = max((read.longest(begin, end) for read, _ in self._pairs), default=0.0)
        return read_s, max((write.longest(begin, end) for _, write in self._pairs), default=0.0)

    def _pause_s(self) -> float:
        return max(PROBE_S, pause_s(self._runs_since))


class _Probe:
    """One session that asks the same again and again."""

    def __init__(self) -> None:
        self._waits = Waits()
        self._sql = ""
        self.ready, self.given = threading.Event(), threading.Event()

    def give(self, sql: str) -> None:
        self._sql = sql
        self.given.set()

    def longest(self, begin: float, end: float) -> float:
        return self._waits.longest(begin, end)

    def run(self, address: Address, stop: threading.Event, pause_s: Callable[[], float]) -> None:
        with contextlib.suppress(driver().Error), contextlib.closing(onlooker(address)) as db:
            self.ready.set()
            while not stop.wait(pause_s()):
                if not (sql := self._sql):
                    self.given.wait()
                    self.given.clear()
                    continue
                try:
                    self._ask(db, sql)
                except driver().Error:
                    db.rollback()
                    if self._sql == sql:
                        self._sql = ""  # the table is gone or has another name: nobody waits for it any more
        self.ready.set()

    def _ask(self, db: Any, sql: str) -> None:
        waits = self._waits
        waits.since = began = time.monotonic()
        try:
            db.execute(sql)
        finally:
            waits.since = 0.0
        ended = time.monotonic()
        if ended - began >= WAITED_S:
            waits.spans.append((began, ended))


def _ahead_s(db: Any) -> float:
    """By the quickest of a few answers."""
    tries = []
    for _ in range(5):
        began = time.monotonic()
        (then,) = db.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        ended = time.monotonic()
        tries.append((ended - began, then - (began + ended) / 2))
    return float(min(tries)[1])
