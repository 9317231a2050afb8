"""Looks at what lies on this machine: a database that answers and is whole, a file or folder that is usable."""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
import time
from pathlib import Path

from mobius.adapters.checks.ask import NotAsked, Unanswered

_PROBE_BYTES = b"mobius" * 700  # more than one block


def look_at_database(path: Path, timeout_s: float) -> str:
    """Opens an SQLite file read-only, checks that it is whole and answers. Raises Unanswered or NotAsked."""
    if not path.is_file():
        raise Unanswered(f"there is no database at {path}")
    deadline = time.monotonic() + timeout_s
    try:
        # as_uri escapes what SQLite would read as options, like ? and #.
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=timeout_s)
    except sqlite3.Error as error:
        raise Unanswered(f"{path.name} cannot be opened: {error}") from error
    try:
        database.set_progress_handler(lambda: int(time.monotonic() > deadline), 1000)
        tables = database.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0]
        if database.execute("SELECT 1").fetchone() != (1,):
            raise Unanswered(f"{path.name} does not answer a query")
        problems = [row[0] for row in database.execute("PRAGMA quick_check(1)")]
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            raise NotAsked(f"{path.name} was not checked through within {timeout_s:g} s") from error
        if "locked" in str(error) or "busy" in str(error):
            raise NotAsked(f"{path.name} was locked for {timeout_s:g} s") from error
        raise Unanswered(f"{path.name} cannot be read: {error}") from error
    except sqlite3.DatabaseError as error:
        raise Unanswered(f"{path.name} is damaged: {error}") from error
    finally:
        database.close()
    if problems != ["ok"]:
        raise Unanswered(f"{path.name} is damaged: {problems[0] if problems else 'no answer'}")
    return f"{path.name} is whole, {tables} table{'' if tables == 1 else 's'}"


def look_at_file(path: Path, *, writable: bool) -> str:
    """That a file or folder is there and can be read, and written to if asked: a folder by really writing.
    Raises Unanswered."""
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            return _look_at_folder(path, writable=writable)
        if not stat.S_ISREG(kind):
            raise Unanswered(f"{path} is neither a file nor a folder")
        with path.open("rb") as file:
            file.read(1)
        if writable:
            with path.open("ab"):
                pass
    except FileNotFoundError as error:
        raise Unanswered(f"{path} is not there") from error
    except OSError as error:
        raise Unanswered(f"{path}: {error.strerror or error}") from error
    return f"{path.name} can be read{' and written' if writable else ''}"


def _look_at_folder(path: Path, *, writable: bool) -> str:
    with os.scandir(path) as entries:
        next(entries, None)
    if writable:
        with tempfile.NamedTemporaryFile(dir=path, prefix=".mobius-check-") as file:
            file.write(_PROBE_BYTES)
            file.flush()
            os.fsync(file.fileno())  # a full disk often says so only here
            file.seek(0)
            if file.read() != _PROBE_BYTES:
                raise Unanswered(f"{path} does not keep what is written to it")
    return f"{path.name}/ can be read{' and written' if writable else ''}"
