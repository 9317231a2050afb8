"""The journal's PostgreSQL database: transactions that are wholly there or not, through a server that comes and goes.

Nothing is kept in a session, so PgBouncer may stand between in transaction mode. Writers take turns at one row.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from mobius.adapters.databases.postgres_address import Address, driver
from mobius.adapters.journals import postgres_schema as schema
from mobius.adapters.journals.database import query_empty
from mobius.adapters.journals.postgres_line import BETWEEN_TRIES_S, CutOff, Line, Lost, Questions
from mobius.adapters.journals.schema import SCHEMA
from mobius.adapters.journals.sql import Sql
from mobius.errors import MobiusError

T = TypeVar("T")
U = TypeVar("U")
PATIENCE_S = 20.0  # for a server that restarts in the middle of a run
BUSY_S = 10.0  # how long a writer waits for its turn
# Between two statements of a transaction passes no time worth speaking of. One that was stopped there (a laptop that
# sleeps) loses its turn while those who wait for theirs still do; when it wakes up, it begins anew.
SHARE_OF_BUSY = 0.5
# Each transaction says for itself what a session would be told once. A server that commits before it is on the disk is
# told to wait for the disk.
_FOR_THIS = """SELECT set_config('search_path', %s, true), set_config('lock_timeout', %s, true),
 set_config('statement_timeout', %s, true), set_config('idle_in_transaction_session_timeout', %s, true),
 CASE WHEN current_setting('synchronous_commit') IN ('off', 'local')
 THEN set_config('synchronous_commit', 'on', true) END"""
_TAKES_WRITES = "NOT pg_is_in_recovery() AND current_setting('default_transaction_read_only') = 'off'"
_OURS = "has_table_privilege('events', 'INSERT') AND has_table_privilege('journal', 'UPDATE')"
_MAY_WRITE = f"SELECT {_TAKES_WRITES} AND {_OURS}"
_MAY_MAKE = f"SELECT {_TAKES_WRITES} AND has_database_privilege(current_database(), 'CREATE')"
_LOCKED = "SELECT schema_version, service FROM journal FOR UPDATE"


class PostgresDatabase:
    """One schema of one database. Nothing is created before the first write; until then it reads as an empty one.

    Safe in every thread: they take turns. `patience_s`: for how long a call goes on trying when the server, that this
    process has already reached, is gone; one that was never reached is given up at once.
    """

    def __init__(
        self,
        address: Callable[[], Address],
        schema: str,
        service: str,
        *,
        read_only: bool = False,
        patience_s: float = PATIENCE_S,
        busy_s: float = BUSY_S,
    ) -> None:
        self.schema = schema
        self._service = service
        self._read_only = read_only
        self._patience_s = patience_s
        self._busy_ms = str(int(busy_s * 1000))
        self._stopped_ms = str(int(busy_s * 1000 * SHARE_OF_BUSY))
        self._turn = threading.RLock()
        self._line = Line(address)

    @property
    def name(self) -> str:
        """For people, without secrets."""
        return self._line.name

    @contextmanager
    def writing(self) -> Iterator[Sql]:
        """A transaction: committed at the end of the `with`, wholly undone by any exception. Raises `Lost` when
        nothing was written and it may be done again, which `again` does."""
        if self._read_only:
            raise MobiusError(f"{self.name} was opened for reading only", "this command may not write")
        with self._turn, self._explained():
            mark = uuid.uuid4().hex
            try:
                with self._line.transaction("ISOLATION LEVEL READ COMMITTED") as connection:
                    self._take_turn(connection)
                    connection.execute("INSERT INTO writes (mark) VALUES (%s)", (mark,))
                    connection.execute("DELETE FROM writes WHERE at < clock_timestamp() - interval '1 hour'")
                    yield Questions(connection)
            except CutOff as cut:
                if not self._was_written(mark):
                    raise Lost(f"{self.name} was lost at the end of a write", "try again") from cut

    def read(self, query: Callable[[Sql], T]) -> T:
        """The answer of `query` on one unchanging state. It may be called more than once. Changes nothing."""
        return self.again(lambda: self._read(query, query_empty))

    def read_own(self, query: Callable[[Sql], T]) -> T | None:
        """The same of the tables that only PostgreSQL has; None where nothing was made yet."""
        return self.again(lambda: self._read(query, lambda _: None))

    def again(self, work: Callable[[], T]) -> T:
        """What `work` gives, which may be done again when it raises `Lost`: until the patience has ended, where this
        process has reached the server before."""
        with self._turn:
            until = time.monotonic() + self._patience_s
            while True:
                try:
                    return work()
                except Lost as lost:
                    self._line.close()
                    if not self._line.was_open or time.monotonic() >= until:
                        self._line.was_open = False  # nobody waits so long a second time
                        raise MobiusError(lost.message, lost.hint, details=lost.details) from lost
                    time.sleep(BETWEEN_TRIES_S)
                    self._reach_until(until)

    def is_writable(self) -> bool:
        """A primary server that answers at once, and lets this user write the tables, or make them."""
        try:
            with self._turn, self._explained(), self._line.transaction("READ ONLY") as connection:
                self._settle(connection)
                asked = _MAY_WRITE if schema.exists(connection, self.schema) else _MAY_MAKE
                return bool(connection.execute(asked).fetchone()[0])
        except (MobiusError, CutOff):
            self._line.close()
            return False

    def close(self) -> None:
        """Lets go of the connection; a later call opens it again."""
        with self._turn:
            self._line.close()

    def _read(self, query: Callable[[Sql], T], of_nothing: Callable[[Callable[[Sql], T]], U]) -> T | U:
        try:
            with (
                self._explained(),
                self._line.transaction("ISOLATION LEVEL REPEATABLE READ READ ONLY") as connection,
            ):
                return self._answer(connection, query, of_nothing)
        except CutOff as cut:
            raise Lost(f"{self.name} was lost in the middle of an answer", "try again") from cut

    def _answer(
        self, connection: Any, query: Callable[[Sql], T], of_nothing: Callable[[Callable[[Sql], T]], U]
    ) -> T | U:
        self._settle(connection)
        if not schema.exists(connection, self.schema):
            return of_nothing(query)
        version, service = connection.execute(_LOCKED.removesuffix(" FOR UPDATE")).fetchone()
        schema.check(self.name, version, service, self._service)
        if version < SCHEMA:
            raise MobiusError(
                f"{self.name} is of an older mobius (schema {version}, this one has {SCHEMA})",
                "the next command that writes brings it up to date, such as: mobius freeze",
            )
        return query(Questions(connection))

    def _take_turn(self, connection: Any) -> None:
        """The lock row is ours until the transaction ends; the tables are there, and of this version."""
        self._settle(connection)
        if not schema.exists(connection, self.schema):
            schema.make(connection, self.schema, self._service)
        version, service = connection.execute(_LOCKED).fetchone()
        schema.check(self.name, version, service, self._service)
        if version < SCHEMA:
            schema.upgrade(connection, version)

    def _settle(self, connection: Any) -> None:
        path = '"' + self.schema.replace('"', '""') + '"'
        long_ms = str(int(self._busy_ms) * 3)
        connection.execute(_FOR_THIS, (path, self._busy_ms, long_ms, self._stopped_ms))

    def _was_written(self, mark: str) -> bool:
        """Whether the COMMIT that was cut off came all the same. Its server may still be at it, and then holds the lock
        row. Raises `MobiusError` when that cannot be found out in time."""
        until = time.monotonic() + self._patience_s
        while True:
            self._reach_until(until)
            try:
                with self._explained(), self._line.transaction("") as connection:
                    self._settle(connection)
                    if not schema.exists(connection, self.schema):
                        return False
                    connection.execute(_LOCKED)
                    found = connection.execute("SELECT 1 FROM writes WHERE mark = %s", (mark,)).fetchone()
                    return found is not None
            except (Lost, CutOff) as lost:
                self._line.close()
                if time.monotonic() >= until:
                    raise self._unknown() from lost

    def _reach_until(self, until: float) -> None:
        """Waits until the server answers, or the time is over."""
        while time.monotonic() < until:
            try:
                with self._explained():
                    self._line.open(at_once=True)
                return
            except Lost:
                time.sleep(BETWEEN_TRIES_S)

    def _unknown(self) -> MobiusError:
        return MobiusError(
            f"{self.name} was lost in the middle of a write, and whether it was written is not known",
            "when PostgreSQL is back: mobius status, then mobius resume",
        )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        psycopg = driver()
        try:
            yield
        except psycopg.Error as error:
            raise self._line.explained(error) from error
