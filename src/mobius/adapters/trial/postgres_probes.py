"""Users who read and write while a migration runs on PostgreSQL: what they feel of it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from mobius.adapters.databases.postgres_address import Address, driver
from mobius.adapters.trial.postgres_copies import onlooker
from mobius.adapters.trial.probes import Waits, pause_s

PROBE_S = 0.004  # how often a probe asks; less often while one statement runs for long
AT_ONCE = 2  # pairs of probes that are connected before they are needed
WAITED_S = 0.005  # a query of a probe takes less; what takes longer was kept waiting


class PostgresProbes:
    """A reader and a writer at each table that is given, from then on and as long as the `with` lasts; at no more than
    `most` tables at a time. The writer takes the lock that every write takes, and writes nothing."""

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
        for pair in self._free[-AT_ONCE:]:
            self._start(pair)
        self.await_ready()
        try:
            yield self
        finally:
            self._stop.set()
            everybody = [probe for pair in self._pairs for probe in pair]
            for probe in everybody:
                probe.given.set()
            for probe in everybody:
                probe.join(30)

    def at(self, table: str) -> None:
        """Probes this table from now on; where all probes have one, instead of the one that was named longest ago."""
        with self._lock:
            pair = self._at.pop(table, None)
            if pair is None and (self._free or self._at):
                pair = self._free.pop() if self._free else self._at.pop(next(iter(self._at)))
                self._start(pair)
                pair[0].give(f"SELECT 1 FROM {table} LIMIT 1")
                pair[1].give(f"BEGIN; LOCK TABLE {table} IN ROW EXCLUSIVE MODE; ROLLBACK")
            if pair is not None:
                self._at[table] = pair

    def await_ready(self) -> None:
        """Until whoever was given a table is connected."""
        for pair in self._pairs:
            for probe in pair:
                probe.await_ready(30)

    def leave(self) -> None:
        """Probes nothing until a table is given."""
        with self._lock:
            for pair in self._at.values():
                for probe in pair:
                    probe.give("")
            self._free += self._at.values()
            self._at.clear()

    def longest(self, begin: float, end: float) -> tuple[float, float]:
        """The longest that somebody could not read, and could not write, within this time."""
        read_s = max((read.longest(begin, end) for read, _ in self._pairs), default=0.0)
        return read_s, max((write.longest(begin, end) for _, write in self._pairs), default=0.0)

    def _start(self, pair: tuple[_Probe, _Probe]) -> None:
        for probe in pair:
            probe.start(self._address, self._stop, self._pause_s)

    def _pause_s(self) -> float:
        return max(PROBE_S, pause_s(self._runs_since))


class _Probe:
    """One session that asks the same again and again."""

    def __init__(self) -> None:
        self._waits = Waits()
        self._sql = ""
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self.given = threading.Event()

    def start(self, address: Address, stop: threading.Event, pause_s: Callable[[], float]) -> None:
        """Connects, and asks what it is given; once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(address, stop, pause_s), daemon=True)
            self._thread.start()

    def await_ready(self, within_s: float) -> None:
        """Until it is connected, or never will be; at once where it was not started."""
        if self._thread is not None:
            self._ready.wait(within_s)

    def join(self, within_s: float) -> None:
        if self._thread is not None:
            self._thread.join(within_s)

    def give(self, sql: str) -> None:
        self._sql = sql
        self.given.set()

    def longest(self, begin: float, end: float) -> float:
        return self._waits.longest(begin, end)

    def _run(self, address: Address, stop: threading.Event, pause_s: Callable[[], float]) -> None:
        with contextlib.suppress(driver().Error), contextlib.closing(onlooker(address)) as db:
            self._ready.set()
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
        self._ready.set()

    def _ask(self, db: Any, sql: str) -> None:
        waits = self._waits
        waits.since = began = time.monotonic()
        try:
            db.execute(sql)
            ended = time.monotonic()
            if ended - began >= WAITED_S:
                waits.spans.append((began, ended))
        finally:
            waits.since = 0.0  # last: in no moment is the wait nowhere
