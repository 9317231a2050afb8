"""Copies of live SQLite databases that are one point in time, and the facts that prove it.

The whole copy is one step of SQLite's backup API inside a read transaction. Measured with a busy writer:
copying the files gave a corrupt database in two of three tries, and a backup of some pages per step starts
anew at every commit and never ended; one step was right every time and takes a fraction of a second for 60
MB.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mobius.errors import BackupInvalid, MobiusError

HEADER = b"SQLite format 3\x00"
# The check looks every row up in every index: with SQLite's own 2 MB it reads a large database many times over.
CHECKING_KIB = 32 << 10
COMPANIONS = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What is known of one database file.

    `integrity` is "ok", or "not checked: …" where SQLite lacks what the schema needs (a collation or module
    of the application's own); damage is raised, never recorded. `tables` maps each table to its number of
    rows.
    """

    integrity: str
    foreign_key_violations: int
    tables: Mapping[str, int] = field(hash=False)
    schema_sha256: str
    user_version: int
    journal_mode: str
    size_bytes: int

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Capture:
    """A copy of `source` as it was at `at_unix`, in `target`, already checked."""

    source: Path
    target: Path
    size_bytes: int
    duration_s: float
    facts: DatabaseFacts
    at_unix: float = 0.0


def capture_database(source: Path, target: Path, *, busy_timeout_s: float = 10.0) -> Capture:
    """Copy the database `source` to the new file `target` while others write to it, and check the copy.

    Every commit that ended before the call is in it. In WAL mode writers are not held up; in rollback-journal
    mode they wait for the copy. Raises MobiusError when it stays locked for `busy_timeout_s` or cannot be
    opened, BackupInvalid when it is no database or malformed; `target` is gone then. FileNotFoundError
    without a `source`, FileExistsError if `target` exists.
    """
    begun_s = time.monotonic()
    source.stat()
    # The copy may hold secrets, so it is private from its first byte on.
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        at_unix = _copy(source, target, busy_timeout_s)
        facts = check_database(target, _name=source)
    except BaseException:
        for suffix in ("", *COMPANIONS):
            Path(f"{target}{suffix}").unlink(missing_ok=True)
        raise
    return Capture(source, target, facts.size_bytes, time.monotonic() - begun_s, facts, at_unix)


def check_database(path: Path, *, busy_timeout_s: float = 10.0, _name: Path | None = None) -> DatabaseFacts:
    """Check one database and count it, changing nothing.

    Raises BackupInvalid when it is no database or malformed, MobiusError when it stays locked or unreadable.
    """
    name = _name or path
    if not is_sqlite(path) and path.stat().st_size > 0:
        raise BackupInvalid(
            f"{name} is not an SQLite database", "restore it from a backup, or name the right file"
        )
    with (
        in_plain_words(name),
        contextlib.closing(_open_to_check(path, _name is not None, busy_timeout_s)) as db,
    ):
        integrity = _integrity(db, name)
        return DatabaseFacts(
            integrity=integrity,
            foreign_key_violations=len(db.execute("PRAGMA foreign_key_check").fetchall()),
            tables=_rows(db),
            schema_sha256=_schema_sha256(db),
            user_version=db.execute("PRAGMA user_version").fetchone()[0],
            journal_mode=_journal_mode(path),
            size_bytes=path.stat().st_size,
        )


def is_sqlite(path: Path) -> bool:
    """Whether the file begins as every SQLite database does (the name says nothing)."""
    with path.open("rb") as file:
        return file.read(len(HEADER)) == HEADER


def _copy(source: Path, target: Path, busy_timeout_s: float) -> float:
    """The unix time that the copy shows."""
    with in_plain_words(source), contextlib.closing(open_for_reading(source, busy_timeout_s)) as live:
        # The read transaction pins the point in time and honours the busy timeout; the backup call alone
        # would wait without end for a lock.
        at_unix = time.time()
        try:
            with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as copy:
                # Nobody would play its journal back, and the archive that takes it in is synced instead.
                copy.execute("PRAGMA journal_mode = OFF")
                copy.execute("PRAGMA synchronous = OFF")
                live.backup(copy, pages=-1)
        except sqlite3.OperationalError as error:
            if primary_code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR):
                raise
            # SQLite says so of a quota, too.
            raise MobiusError(
                f"{source} could not be copied to {target.parent}: {error}",
                f"free some space below {target.parent}, and look whether a disk fails: dmesg",
            ) from error
        live.execute("COMMIT")
    return at_unix


def _open_to_check(path: Path, ours: bool, busy_timeout_s: float) -> sqlite3.Connection:
    if ours:
        # Nobody else has our own copy, and it must not grow a -wal beside it only because it was looked at.
        db = _begin_read(path, "?mode=ro&immutable=1", busy_timeout_s)
        db.execute(f"PRAGMA cache_size = -{CHECKING_KIB}")
        return db
    return open_for_reading(path, busy_timeout_s)


def open_for_reading(source: Path, busy_timeout_s: float) -> sqlite3.Connection:
    """A connection inside a read transaction; raises what SQLite raises, for `in_plain_words` to say.

    It is opened for writing only where a crash left a journal, which must be played back before anybody can read.
    """
    try:
        return _begin_read(source, "?mode=ro", busy_timeout_s)
    except sqlite3.OperationalError as error:
        if primary_code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
    return _begin_read(source, "?mode=rw", busy_timeout_s)


def _begin_read(source: Path, how: str, busy_timeout_s: float) -> sqlite3.Connection:
    db = _connect(source, how, busy_timeout_s)
    try:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        db.close()
        raise
    return db


def _connect(path: Path, how: str, busy_timeout_s: float) -> sqlite3.Connection:
    uri = path.absolute().as_uri() + how
    return sqlite3.connect(uri, uri=True, timeout=busy_timeout_s, isolation_level=None)


def _integrity(db: sqlite3.Connection, name: Path) -> str:
    try:
        problems = [row[0] for row in db.execute("PRAGMA integrity_check(5)")]
    except sqlite3.OperationalError as error:
        if not _lacks_extension(error):
            raise
        return f"not checked: {error}"
    if problems == ["ok"]:
        return "ok"
    details = tuple(str(problem).replace("\n", " ") for problem in problems)
    raise BackupInvalid(f"{name} is malformed: integrity_check found damage", _REPAIR, details=details)


def _rows(db: sqlite3.Connection) -> dict[str, int]:
    names = [
        row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    ]
    counts: dict[str, int] = {}
    for name in names:
        if name.startswith("sqlite_"):
            continue
        quoted = name.replace('"', '""')
        try:
            counts[name] = db.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()[0]
        except sqlite3.OperationalError as error:
            if not _lacks_extension(error):
                raise
    return counts


def _schema_sha256(db: sqlite3.Connection) -> str:
    digest = hashlib.sha256()
    query = "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master ORDER BY type, name"
    for row in db.execute(query):
        digest.update("\x1f".join(row).encode("utf-8", "surrogateescape") + b"\x1e")
    return digest.hexdigest()


def _journal_mode(path: Path) -> str:
    """Byte 18 of the header; the pragma would answer for this connection, which may have no WAL."""
    with path.open("rb") as file:
        return "wal" if file.read(19)[18:] == b"\x02" else "delete"


_REPAIR = "restore it from a backup, or repair it with: sqlite3 FILE .recover"


@contextlib.contextmanager
def in_plain_words(name: Path) -> Iterator[None]:
    """Say SQLite's errors in words that tell what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = primary_code(error)
        if code == sqlite3.SQLITE_NOTADB:
            hint = "it is damaged or encrypted: exclude it, or restore it from a backup"
            raise BackupInvalid(f"{name} is not an SQLite database: {error}", hint) from error
        if code == sqlite3.SQLITE_CORRUPT:
            raise BackupInvalid(f"{name} is malformed: {error}", _REPAIR) from error
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            hint = "another process holds it in an exclusive transaction: end that one, then try again"
            raise MobiusError(f"{name} stayed locked: {error}", hint) from error
        if code == sqlite3.SQLITE_FULL:
            raise MobiusError(
                f"{name} could not be copied: the disk is full", "free some space first"
            ) from error
        raise MobiusError(
            f"{name} could not be read or copied: {error}", "check that this user may read it"
        ) from error


def primary_code(error: sqlite3.Error) -> int:
    # Errors that Python itself raises carry no code.
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _lacks_extension(error: sqlite3.OperationalError) -> bool:
    return str(error).startswith(
        ("no such module", "no such collation", "no such function", "unknown function")
    )
