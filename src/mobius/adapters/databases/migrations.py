"""SQL migrations on SQLite: each applied and recorded in one transaction, so it is there whole or not."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from mobius.adapters.databases.sql_files import (
    Migration,
    Statement,
    read_migrations,
    read_sql,
    statements,
    version_key,
)
from mobius.archive.sqlite_capture import in_plain_words, is_sqlite, open_for_reading
from mobius.errors import BackupInvalid, GateFailed, MobiusError, UsageError

Progress = Callable[[Migration, int, int], None]
# Around each statement, and around the COMMIT of each migration (the statement is None): who looks on while it runs.
Around = Callable[[Migration, Statement | None], AbstractContextManager[object]]

_Look = Callable[[Statement | None], AbstractContextManager[object]]

_TABLE = """
CREATE TABLE IF NOT EXISTS mobius_migrations (
  version TEXT PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at TEXT NOT NULL
)"""


@dataclass(frozen=True, slots=True)
class AppliedMigration:
    """A migration that a database has; `applied_at` is UTC, ISO 8601."""

    version: str
    name: str
    sha256: str
    applied_at: str


@dataclass(frozen=True, slots=True)
class SqlMigrations:
    """The migrations of `directory` on `database`; `on` names another file instead, such as a restored copy.

    Raises GateFailed where something is wrong that could be seen before any change (a changed, doubled or
    out-of-order file), MobiusError when a migration fails or the database stays locked for `busy_timeout_s`,
    BackupInvalid when it is malformed. A migration that fails leaves no trace; those before it stay.

    Foreign keys are off while a migration runs, and checked before it is committed. They must be: with them
    on, the usual rebuild of a table (create, copy, drop, rename) silently deletes the rows that refer to it,
    and inside a transaction SQLite ignores the pragma that would prevent it.
    """

    directory: Path
    database: Path
    busy_timeout_s: float = 10.0

    def applied(self, on: Path | None = None) -> tuple[AppliedMigration, ...]:
        """What the database has, oldest first; nothing for a database that is not there yet."""
        path = on or self.database
        if not path.exists() or path.stat().st_size == 0:
            return ()
        _refuse_foreign(path)
        with in_plain_words(path), contextlib.closing(open_for_reading(path, self.busy_timeout_s)) as db:
            return _applied(db)

    def pending(self, on: Path | None = None) -> tuple[Migration, ...]:
        """What the folder has and the database has not, in the order in which it will be applied."""
        return _pending(read_migrations(self.directory), self.applied(on))

    def revision(self, on: Path | None = None) -> str:
        """The version of the newest migration that the database has, "" for none."""
        applied = self.applied(on)
        return applied[-1].version if applied else ""

    def apply_pending(
        self, on: Path | None = None, *, progress: Progress | None = None, around: Around | None = None
    ) -> tuple[AppliedMigration, ...]:
        """Apply what is pending, one transaction each, and return it. May be repeated.

        `progress(migration, index, total)` is called before each. A kill -9 leaves each migration applied and
        recorded, or neither.
        """
        todo = self.pending(on)
        done: list[AppliedMigration] = []
        if not todo:
            return ()
        with self._connected(on or self.database, "rwc") as db:
            for index, migration in enumerate(todo):
                if progress:
                    progress(migration, index, len(todo))
                look = partial(around or _nobody, migration)
                with _transaction(db, migration.path, look):
                    db.execute(_TABLE)
                    _refuse_if_not_next(db, migration, todo[index:])
                    _run(db, statements(read_sql(migration.path), migration.path), migration.path, look)
                    done.append(_record(db, migration))
        return tuple(done)

    def check_down(self, to_version: str, on: Path | None = None) -> tuple[Migration, ...]:
        """What `down` would take back, newest first. Raises GateFailed when one of them has no way down."""
        applied = self.applied(on)
        if to_version and to_version not in {each.version for each in applied}:
            known = ", ".join(each.version for each in applied) or "none"
            raise UsageError(f"migration {to_version} is not applied", f"applied: {known}")
        beyond = [
            each for each in applied if not to_version or version_key(each.version) > version_key(to_version)
        ]
        files = {each.key: each for each in read_migrations(self.directory)} if beyond else {}
        todo: list[Migration] = []
        for each in reversed(beyond):
            migration = files.get(version_key(each.version))
            if migration is None or migration.down_path is None:
                raise GateFailed(
                    f"migration {each.name} has no way down: {self.directory / each.name}.down.sql missing",
                    "take the data back by a restore: mobius rollback --backup FILE",
                )
            _refuse_changed(migration, each)
            statements(read_sql(migration.down_path), migration.down_path)
            todo.append(migration)
        return tuple(todo)

    def down(
        self, to_version: str, on: Path | None = None, *, progress: Progress | None = None
    ) -> tuple[AppliedMigration, ...]:
        """Take back, newest first, what was applied after `to_version` ("" for everything), and return it.

        Nothing is taken back when one of them has no way down. May be repeated.
        """
        recorded = {version_key(each.version): each for each in self.applied(on)}
        todo = self.check_down(to_version, on)
        if not todo:
            return ()
        with self._connected(on or self.database, "rw") as db:
            for index, migration in enumerate(todo):
                if progress:
                    progress(migration, index, len(todo))
                path = migration.down_path
                assert path is not None
                with _transaction(db, path):
                    _refuse_if_not_last(db, migration)
                    _run(db, statements(read_sql(path), path), path)
                    version = recorded[migration.key].version
                    db.execute("DELETE FROM mobius_migrations WHERE version = ?", (version,))
        return tuple(recorded[migration.key] for migration in todo)

    @contextlib.contextmanager
    def _connected(self, path: Path, mode: str) -> Iterator[sqlite3.Connection]:
        _refuse_foreign(path)
        if not path.parent.is_dir():
            raise MobiusError(f"{path} cannot be opened: its folder does not exist", f"create {path.parent}")
        with in_plain_words(path):
            uri = f"{path.absolute().as_uri()}?mode={mode}"
            db = sqlite3.connect(uri, uri=True, timeout=self.busy_timeout_s, isolation_level=None)
            with contextlib.closing(db):
                yield db


def _refuse_foreign(path: Path) -> None:
    if path.is_file() and path.stat().st_size and not is_sqlite(path):
        raise BackupInvalid(f"{path} is not an SQLite database", "correct migrations.database in mobius.toml")


def _applied(db: sqlite3.Connection) -> tuple[AppliedMigration, ...]:
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'mobius_migrations'").fetchone():
        return ()
    rows = db.execute("SELECT version, name, sha256, applied_at FROM mobius_migrations").fetchall()
    return tuple(sorted((AppliedMigration(*row) for row in rows), key=lambda each: version_key(each.version)))


def _pending(files: Sequence[Migration], applied: Sequence[AppliedMigration]) -> tuple[Migration, ...]:
    have = {version_key(each.version): each for each in applied}
    for migration in files:
        if migration.key in have:
            _refuse_changed(migration, have[migration.key])
    todo = tuple(migration for migration in files if migration.key not in have)
    # A database that is ahead of this folder is a release taken back, and has nothing to do here.
    if todo and applied:
        newest = applied[-1]
        if todo[0].key < version_key(newest.version):
            raise GateFailed(
                f"migration {todo[0].path.name} is out of order: {newest.name} is applied already",
                "give it a number after the newest one",
            )
        known = {migration.key for migration in files}
        for each in applied:
            if version_key(each.version) not in known:
                raise GateFailed(
                    f"migration {each.name} is applied, but its file is not in the folder, which has newer",
                    "bring the file back (another branch may have it), then plan again",
                )
    return todo


def _refuse_changed(migration: Migration, applied: AppliedMigration) -> None:
    if migration.sha256 != applied.sha256:
        raise GateFailed(
            f"migration {migration.path.name} was changed after it was applied at {applied.applied_at}",
            "bring the applied text back, and write the change as a new migration",
            details=(f"applied {applied.sha256}", f"found   {migration.sha256}"),
        )


def _refuse_if_not_next(db: sqlite3.Connection, migration: Migration, todo: Sequence[Migration]) -> None:
    """Under the write lock: another run may have been here since we looked."""
    have = {version_key(each.version) for each in _applied(db)}
    if have & {each.key for each in todo}:
        raise MobiusError(
            f"migration {migration.path.name} was applied by somebody else just now",
            "look again: mobius status",
        )


def _refuse_if_not_last(db: sqlite3.Connection, migration: Migration) -> None:
    applied = _applied(db)
    if not applied or version_key(applied[-1].version) != migration.key:
        raise MobiusError(
            f"migration {migration.path.name} is not the newest any more: somebody else changed the database",
            "look again: mobius status",
        )


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection, path: Path, look: _Look = lambda _: nullcontext()) -> Iterator[None]:
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
        with look(None):
            db.execute("COMMIT")
    except BaseException:
        # Some errors end the transaction by themselves.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _broken_references(db: sqlite3.Connection) -> Counter[tuple[str, str]]:
    return Counter((str(row[0]), str(row[2])) for row in db.execute("PRAGMA foreign_key_check"))


def _nobody(_: Migration, __: Statement | None) -> AbstractContextManager[object]:
    return nullcontext()


def _run(
    db: sqlite3.Connection, todo: Sequence[Statement], path: Path, look: _Look = lambda _: nullcontext()
) -> None:
    for statement in todo:
        try:
            with look(statement):
                for _ in db.execute(statement.sql):
                    pass
        except (sqlite3.OperationalError, sqlite3.IntegrityError, sqlite3.ProgrammingError) as error:
            first = statement.sql.splitlines()[0][:100]
            raise MobiusError(
                f"migration {path.name} failed at line {statement.line}: {error}",
                "nothing of it was kept: correct the file, then try again",
                details=(first,),
            ) from error


def _record(db: sqlite3.Connection, migration: Migration) -> AppliedMigration:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    applied = AppliedMigration(migration.version, migration.name, migration.sha256, now)
    db.execute(
        "INSERT INTO mobius_migrations VALUES (?, ?, ?, ?)",
        (applied.version, applied.name, applied.sha256, applied.applied_at),
    )
    return applied
