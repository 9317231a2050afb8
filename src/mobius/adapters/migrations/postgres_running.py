"""Migrations on PostgreSQL: each with its record in one transaction, alone, and without long waits for a lock."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobius.adapters.databases.postgres_address import connected, driver, first_line
from mobius.adapters.migrations.engine import Watched, nobody
from mobius.adapters.migrations.postgres_lock import refuse_unless_held, settle, sole_migrator
from mobius.adapters.migrations.postgres_outside import run_outside
from mobius.adapters.migrations.postgres_sql import Script, script_of
from mobius.adapters.migrations.postgres_waiting import (
    Blockers,
    HeldUpError,
    Patience,
    cancelled_from,
    set_lock_timeout,
)
from mobius.adapters.migrations.session import PostgresSession
from mobius.adapters.migrations.source import Change, Progress, Statement, Target
from mobius.errors import MobiusError

if TYPE_CHECKING:
    import psycopg

LOOK_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class PostgresEngine:
    """The database at the address of a target."""

    target: Target

    @contextlib.contextmanager
    def looking(self) -> Iterator[PostgresSession]:
        """A session that only reads. Raises MobiusError where the server does not let us, with what to do."""
        address = self.target.address
        assert address is not None
        doing = f"what was applied to {address} is not known"
        with connected(address, doing, statement_timeout_s=LOOK_TIMEOUT_S) as db:
            db.execute("SET default_transaction_read_only = on")
            yield _session(db, str(address))

    @contextlib.contextmanager
    def migrating(self, progress: Progress, *, make: bool = True) -> Iterator[PostgresMoving]:
        """A session that writes, and holds the lock of whoever migrates. The database is never made."""
        address = self.target.address
        assert address is not None
        with connected(address, f"{address} cannot be migrated") as db:
            settle(db)
            with (
                cancelled_from(self.target.done_by, db),
                sole_migrator(db, address),
                Blockers(address, db.info.backend_pid).watched() as blockers,
            ):
                patience = Patience(self.target, blockers, progress)
                yield PostgresMoving(_session(db, str(address)), patience)


@dataclass(frozen=True, slots=True)
class PostgresMoving:
    """One migration after the other in one session."""

    session: PostgresSession
    patience: Patience

    def run(
        self,
        change: Change,
        text: str,
        path: Path,
        *,
        before: Callable[[], None],
        after: Callable[[float], None],
        around: Watched = nobody,
        may_begin: bool = False,
    ) -> None:
        """In one transaction; or, where that cannot be, statement by statement, each looked at before it is repeated.
        Raises MobiusError: of a transaction nothing was kept then."""
        script = script_of(text, path, transactional=change.transactional, may_begin=may_begin)
        db = self.session.connection
        try:
            if script.transactional:
                kept = "nothing of it was kept"
                self.patience.insist(
                    path.name, lambda: self._transaction(change, script, path, before, after, around), kept
                )
            else:
                run_outside(self, change, script, path, before=before, after=after, around=around)
            self.patience.something_is_applied()
        finally:
            if not db.closed:
                self._as_at_first()

    def execute(self, statement: Statement, path: Path, kept: str) -> None:
        """One statement of a file. Raises HeldUpError for a lock that was not had, MobiusError for whatever else."""
        psycopg, db = driver(), self.session.connection
        try:
            db.execute(statement.sql.encode())
        except psycopg.errors.LockNotAvailable:
            waited_s = round(self.patience.lock_timeout_s, 1)
            within = f" within {waited_s:g} s" if waited_s else ""
            raise HeldUpError(statement.line, f"a lock was not had{within}") from None
        except psycopg.errors.DeadlockDetected:
            raise HeldUpError(statement.line, "there was a deadlock") from None
        except psycopg.Error as error:
            raise self._failed(error, statement, path, kept) from error

    def _transaction(
        self,
        change: Change,
        script: Script,
        path: Path,
        before: Callable[[], None],
        after: Callable[[float], None],
        around: Watched,
    ) -> None:
        db, began, kept = self.session.connection, time.monotonic(), "nothing of it was kept"
        db.execute("BEGIN")
        try:
            refuse_unless_held(db)
            if not script.sets_lock_timeout:
                set_lock_timeout(db, self.patience.lock_timeout_s, "LOCAL")
            before()
            for statement in script.statements:
                with around(change, statement, db):
                    self.execute(statement, path, kept)
            db.execute("RESET ROLE")  # the record is ours to write, whoever the migration was
            after(time.monotonic() - began)
            last = Statement("COMMIT", script.statements[-1].line)
            with around(change, None, db):
                self.execute(last, path, kept)
        except BaseException:
            if not db.closed:
                db.execute("ROLLBACK")
            raise

    def _failed(self, error: psycopg.Error, statement: Statement, path: Path, kept: str) -> MobiusError:
        address = self.patience.target.address
        assert address is not None
        said = address.redact(error.diag.message_primary or first_line(str(error)))
        if error.sqlstate is None:
            return MobiusError(
                f"migration {path.name} lost its connection at line {statement.line}: {said}",
                "look what is there of it: mobius migrate plan",
            )
        position = int(error.diag.statement_position or 0)
        line = statement.line + statement.sql.count("\n", 0, max(position - 1, 0))
        advice = f"{kept}: correct the file, then try again"
        if error.sqlstate == "42501":
            advice = f"{kept}: let {address.parameters.get('user', 'this user')} own what it changes, then try again"
        shown = statement.sql.splitlines()[0][:100]
        return MobiusError(f"migration {path.name} failed at line {line}: {said}", advice, details=(shown,))

    def _as_at_first(self) -> None:
        """Without what the migration set for its session."""
        db = self.session.connection
        with contextlib.suppress(driver().OperationalError):
            db.execute("RESET ROLE")
            db.execute("RESET ALL")
            settle(db)


def _session(db: psycopg.Connection[Any], database: str) -> PostgresSession:
    row = db.execute("SELECT current_schema()").fetchone()
    if row is None or row[0] is None:
        raise MobiusError(
            f"{database} has no schema where its migrations could be written down",
            "ALTER ROLE … SET search_path = public; or grant USAGE on the schema",
        )
    return PostgresSession(db, str(row[0]))
