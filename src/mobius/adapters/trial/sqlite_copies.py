"""Copies of an SQLite database in a file, with what lies in a log beside it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from mobius.adapters.rehearsal.copying import copy_content
from mobius.archive.sqlite_capture import COMPANIONS


@contextlib.contextmanager
def copied(database: Path, place: Path, name: str) -> Iterator[Path]:
    """The whole database once more while inside the `with`, in a file of its own in `place`; an empty one where there
    is none. Raises `OSError` where it does not fit, with nothing left."""
    copy = place / f"trial-{name}.db"
    remove(copy)
    try:
        if not database.exists():
            copy.touch()
        elif _has_log(database):
            _backed_up(database, copy)
        else:
            copy_content(database, copy)
        yield copy
    finally:
        remove(copy)


@contextlib.contextmanager
def in_one_file(database: Path, place: Path) -> Iterator[Path]:
    """The database itself; a copy where some of it lies in a log, which is not looked into."""
    if database.exists() and _has_log(database):
        with copied(database, place, "whole") as copy:
            yield copy
    else:
        yield database


def settled(database: Path) -> None:
    """Everything is in the one file, so that it can be copied, and its pages be compared."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def remove(database: Path) -> None:
    """With what lies beside it."""
    for suffix in ("", *COMPANIONS):
        Path(f"{database}{suffix}").unlink(missing_ok=True)


def _has_log(database: Path) -> bool:
    beside = (Path(f"{database}{suffix}") for suffix in ("-wal", "-journal"))
    return any(path.exists() and path.stat().st_size for path in beside)


def _backed_up(database: Path, copy: Path) -> None:
    """A file alone would lack what is committed in its log."""
    with (
        contextlib.closing(sqlite3.connect(database)) as old,
        contextlib.closing(sqlite3.connect(copy)) as new,
    ):
        old.backup(new)
