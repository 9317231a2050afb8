"""Migrations on SQLite: each applied and recorded in one transaction, so it is there whole or not."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mobius.adapters.migrations.engine import Watched, nobody
from mobius.adapters.migrations.session import SqliteSession
from mobius.adapters.migrations.source import Change, Progress, Statement, Target
from mobius.adapters.migrations.sql_files import statements
from mobius.archive.sqlite_capture import in_plain_words, is_sqlite, open_for_reading
from mobius.errors import BackupInvalid, MobiusError

STEPS_BETWEEN_LOOKS = 100_000  # of SQLite's own machine: a few milliseconds


@dataclass(frozen=True, slots=True)
class SqliteEngine:
    """The database file of a target.

    Foreign keys are off while a migration runs, and checked before it is committed. They must be: with them
    on, the usual rebuild of a table (create, copy, drop, rename) silently deletes the rows that refer to it,
    and inside a transaction SQLite ignores the pragma that would prevent it.
    """

    target: Target

    @contextlib.contextmanager
    def looking(self) -> Iterator[SqliteSession | None]:
        """A session that only reads; None for a database that is not there yet. Raises BackupInvalid when it is
        malformed or none at all, MobiusError when it stays locked."""
        path = self._path()
        if not path.exists() or path.stat().st_size == 0:
            yield None
            return
        with (
            in_plain_words(path),
            contextlib.closing(open_for_reading(path, self.target.busy_timeout_s)) as db,
        ):
            yield SqliteSession(db)

    @contextlib.contextmanager
    def migrating(self, progress: Progress, *, make: bool = True) -> Iterator[SqliteMoving]:
        """A session that writes; `make`: the database may have to be made."""
        path = self._path()
        if not path.parent.is_dir():
            raise MobiusError(f"{path} cannot be opened: its folder does not exist", f"create {path.parent}")
        with in_plain_words(path):
            wait_s = self.target.wait_s(self.target.busy_timeout_s)
            uri = f"{path.absolute().as_uri()}?mode={'rwc' if make else 'rw'}"
            db = sqlite3.connect(uri, uri=True, timeout=wait_s, isolation_level=None)
            if (done_by := self.target.done_by) is not None:
                db.set_progress_handler(lambda: time.monotonic() > done_by, STEPS_BETWEEN_LOOKS)
            with contextlib.closing(db):
                yield SqliteMoving(SqliteSession(db), self.target.busy_timeout_s)

    def _path(self) -> Path:
        path = self.target.path
        assert path is not None
        if path.is_dir() or (path.is_file() and path.stat().st_size and not is_sqlite(path)):
            raise BackupInvalid(
                f"{path} is not an SQLite database", "correct migrations.database in mobius.toml"
            )
        return path


@dataclass(frozen=True, slots=True)
class SqliteMoving:
    """One migration after the other on one connection. `busy_timeout_s`: of those after the first."""

    session: SqliteSession
    busy_timeout_s: float

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
        """Runs `before`, the statements of `text`, and `after` in one transaction. Raises MobiusError, and then
        nothing of it was kept. Even what its tool would run outside of a transaction is run in one."""
        db, began = self.session.connection, time.monotonic()
        todo = statements(text, path, may_begin=may_begin)
        with _transaction(db, path, lambda: around(change, None, db)):
            before()
            for statement in todo:
                with around(change, statement, db):
                    _execute(db, statement, path)
            after(time.monotonic() - began)
        db.execute(f"PRAGMA busy_timeout = {int(self.busy_timeout_s * 1000)}")


@contextlib.contextmanager
def _transaction(
    db: sqlite3.Connection, path: Path, watched: Callable[[], contextlib.AbstractContextManager[object]]
) -> Iterator[None]:
    """One transaction that holds the write lock from its start, and breaks no reference."""
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute("BEGIN IMMEDIATE")
    try:
        broken_before = _broken_references(db)
        yield
        broken = _broken_references(db) - broken_before
        if broken:
            details = tuple(
                f"{count} row(s) of {table} refer to rows of {parent} that are not there"
                for (table, parent), count in sorted(broken.items())
            )
            raise MobiusError(
                f"migration {path.name} would break foreign keys; nothing of it was kept",
                "repair or remove the rows that refer to nothing in the same migration",
                details=details,
            )
        with watched():
            db.execute("COMMIT")
    except BaseException:
        # Some errors end the transaction by themselves.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _broken_references(db: sqlite3.Connection) -> Counter[tuple[str, str]]:
    return Counter((str(row[0]), str(row[2])) for row in db.execute("PRAGMA foreign_key_check"))


def _execute(db: sqlite3.Connection, statement: Statement, path: Path) -> None:
    try:
        for _ in db.execute(statement.sql):
            pass
    except (sqlite3.OperationalError, sqlite3.IntegrityError, sqlite3.ProgrammingError) as error:
        first = statement.sql.splitlines()[0][:100]
        raise MobiusError(
            f"migration {path.name} failed at line {statement.line}: {error}",
            "nothing of it was kept: correct the file, then try again",
            details=(first,),
        ) from error
