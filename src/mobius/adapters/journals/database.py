"""The journal's SQLite database: one connection to write, short ones to read, and errors a person can use."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from mobius.adapters.journals import schema
from mobius.adapters.journals.sql import Sql
from mobius.errors import MobiusError, RecordBroken

T = TypeVar("T")
BUSY_S = 10.0
LEAST_FREE_BYTES = 1 << 20  # with less on its disk, the next lines do not fit
_CREATING = threading.Lock()
DAMAGED = "is damaged"
EMERGENCY = "`mobius rollback --emergency` works without the journal"


class Database(Protocol):
    """Transactions, one at a time."""

    def writing(self) -> AbstractContextManager[Sql]:
        """A transaction: committed at the end of the `with`, wholly undone by any exception."""

    def read(self, query: Callable[[Sql], T]) -> T:
        """The answer of `query` on one unchanging state. It may be called more than once."""

    def is_writable(self) -> bool:
        """Whether it could be written now, as far as can be seen without writing. Never raises."""

    def close(self) -> None:
        """Lets go of what is open."""


class FileDatabase:
    """A database file. Nothing is created before the first write; until then it reads as an empty one.

    Safe in every thread: they take turns. Several processes may use one file; writers wait for each other.
    """

    def __init__(self, path: Path, *, read_only: bool = False, busy_s: float = BUSY_S) -> None:
        self.path = path
        self._read_only = read_only
        self._busy_s = busy_s
        self._turn = threading.RLock()
        self._writer: sqlite3.Connection | None = None
        self._inode = 0

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed at the end of the `with`, wholly undone by any exception."""
        if self._read_only:
            raise MobiusError(
                f"the journal {self.path} was opened for reading only", "this command may not write"
            )
        with self._turn, explained(self.path):
            sql = self._open_writer()
            with transaction(sql, "IMMEDIATE"):
                yield sql

    def read(self, query: Callable[[Sql], T]) -> T:
        """The answer of `query` on one unchanging state. It may be called more than once. Changes no file."""
        with self._turn, explained(self.path):
            if self._writer is not None and self._still_there():
                with transaction(self._writer, "DEFERRED"):
                    return query(self._writer)
            return self._read_file(query)

    def is_writable(self) -> bool:
        """Rights of file and folder, a file system that takes writes, and room."""
        folder = next(
            each for each in self.path.absolute().parents if each.exists()
        )  # the rest would be made
        there = self.path if self.path.exists() else folder
        try:
            free_bytes = shutil.disk_usage(folder).free
        except OSError:
            return False
        return os.access(there, os.W_OK) and os.access(folder, os.W_OK) and free_bytes >= LEAST_FREE_BYTES

    def close(self) -> None:
        """Lets go of the file; a later call opens it again."""
        with self._turn:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _open_writer(self) -> sqlite3.Connection:
        if self._writer is not None:
            if self._still_there():
                return self._writer
            self.close()
            raise MobiusError(
                f"the journal {self.path} was removed or replaced while it was in use",
                f"put it back and run the command again; {EMERGENCY}",
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _create(self.path)
        sql = connect(str(self.path), self._busy_s)
        try:
            self._make_ready(sql)
        except BaseException:
            sql.close()
            raise
        self._inode = self.path.stat().st_ino
        self._writer = sql
        return sql

    def _make_ready(self, sql: sqlite3.Connection) -> None:
        with transaction(sql, "DEFERRED"):  # the file may not be ours: look before anything is changed
            version = schema.version_of(sql, f"the journal {self.path}")
        _use_wal(sql, self._busy_s)
        sql.execute("PRAGMA synchronous = FULL")
        sql.execute("PRAGMA foreign_keys = ON")
        if version < schema.SCHEMA:
            with transaction(sql, "IMMEDIATE"):
                schema.upgrade(sql)

    def _still_there(self) -> bool:
        try:
            return self.path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def _read_file(self, query: Callable[[Sql], T]) -> T:
        """Without a -wal nobody writes, and only `immutable` keeps SQLite from creating one. A writer that
        comes meanwhile changes the fingerprint, and the answer is thrown away."""
        for _ in range(20):
            before = self._fingerprint()
            if before is None:
                return query_empty(query)
            if before[-1]:
                break
            try:
                answer = self._query(query, "mode=ro&immutable=1")
            except sqlite3.Error:
                if self._fingerprint() == before:
                    raise
                continue
            if self._fingerprint() == before:
                return answer
        return self._query(query, "mode=ro")

    def _fingerprint(self) -> tuple[int, int, int, bool] | None:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return None
        return stat.st_ino, stat.st_size, stat.st_mtime_ns, Path(f"{self.path}-wal").exists()

    def _query(self, query: Callable[[Sql], T], how: str) -> T:
        with closing(connect(f"{self.path.absolute().as_uri()}?{how}", self._busy_s)) as sql:
            with transaction(sql, "DEFERRED"):
                if schema.version_of(sql, f"the journal {self.path}") == schema.SCHEMA:
                    return query(sql)
            with closing(connect(":memory:", 0)) as copy:  # an older journal is read as a newer one would be
                sql.backup(copy)
                return query_upgraded(query, copy)


class MemoryDatabase:
    """The same tables without a file, gone with the process."""

    def __init__(self) -> None:
        self._turn = threading.RLock()
        self._sql = connect(":memory:", 0)
        self._sql.execute("PRAGMA foreign_keys = ON")
        with transaction(self._sql, "IMMEDIATE"):
            schema.upgrade(self._sql)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed at the end of the `with`, wholly undone by any exception."""
        with self._turn, transaction(self._sql, "IMMEDIATE"):
            yield self._sql

    def read(self, query: Callable[[Sql], T]) -> T:
        """The answer of `query`."""
        with self._turn:
            return query(self._sql)

    def is_writable(self) -> bool:
        """As long as there is memory."""
        return True

    def close(self) -> None:
        """Nothing is left open that anybody could miss."""


def connect(name: str, busy_s: float) -> sqlite3.Connection:
    """A connection that begins no transaction by itself and may be handed from thread to thread."""
    sql = sqlite3.connect(
        name, timeout=busy_s, isolation_level=None, check_same_thread=False, uri=name.startswith("file:")
    )
    sql.row_factory = sqlite3.Row
    return sql


@contextmanager
def transaction(sql: sqlite3.Connection, kind: str) -> Iterator[None]:
    """BEGIN … COMMIT, or ROLLBACK when anything, the COMMIT too, goes wrong."""
    sql.execute(f"BEGIN {kind}")
    try:
        yield
        sql.execute("COMMIT")
    except BaseException:
        if sql.in_transaction:  # a full disk has ended it already
            sql.execute("ROLLBACK")
        raise


def query_empty(query: Callable[[Sql], T]) -> T:
    """The answer of a journal in which nothing was ever written."""
    with closing(connect(":memory:", 0)) as sql:
        return query_upgraded(query, sql)


def query_upgraded(query: Callable[[Sql], T], sql: sqlite3.Connection) -> T:
    """The answer after the database at hand, a copy, was brought to this version."""
    with transaction(sql, "IMMEDIATE"):
        schema.upgrade(sql)
    return query(sql)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns what SQLite and the system raise into one `MobiusError` with a next step."""
    try:
        yield
    except sqlite3.Error as error:
        what, hint = _why(error, path)
        kind = RecordBroken if what == DAMAGED else MobiusError
        raise kind(f"the journal {path} {what}", hint, details=(str(error),)) from error
    except OSError as error:
        raise MobiusError(
            f"the journal {path} cannot be opened: {error.strerror or error}",
            f"check the folder's owner, mode and free space; {EMERGENCY}",
        ) from error


def _why(error: sqlite3.Error, path: Path) -> tuple[str, str]:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith("SQLITE_FULL"):
        return (
            "cannot be written: the disk is full",
            f"free space (df -h {path.parent}), then go on: mobius resume; {EMERGENCY}",
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return (
            "is kept busy by another program",
            f"find it (fuser {path}) and end it, then go on: mobius resume",
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return "cannot be written here", f"check owner and mode (ls -l {path.parent}); {EMERGENCY}"
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return DAMAGED, f"move it away and keep it for whoever looks into it; {EMERGENCY}"
    if name.startswith("SQLITE_IOERR"):
        return (
            "cannot be read or written: the disk reports an error",
            f"check the disk (dmesg, df -h); {EMERGENCY}",
        )
    return "refuses what was asked of it", f"please report this; {EMERGENCY}"


def _create(path: Path) -> None:
    """An empty file for its owner alone; SQLite gives -wal and -shm the same mode. One that is there is not
    even opened: closing it would take away the POSIX locks that this process holds on it elsewhere."""
    with _CREATING, contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _use_wal(sql: sqlite3.Connection, busy_s: float) -> None:
    """Changing to WAL does not wait for others by itself; two first commands at once would collide."""
    deadline = time.monotonic() + busy_s
    while True:
        try:
            sql.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.02)
