"""Reading the table in which a tool of the project's own writes down what it applied."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

from mobius.adapters.migrations.source import Target
from mobius.archive.sqlite_capture import in_plain_words, open_for_reading

if TYPE_CHECKING:
    from collections.abc import Sequence


def rows_of_table(
    target: Target, table: str, columns: Sequence[str], order: str = ""
) -> list[tuple[Any, ...]]:
    """These columns of a table, [] where there is no such table or no database yet. The names are ours, never a
    user's. Raises `MobiusError` or `BackupInvalid` where the database cannot be read."""
    query = f"SELECT {', '.join(columns)} FROM {table}" + (f" ORDER BY {order}" if order else "")
    if target.kind == "postgresql":
        return _of_postgres(target, table, query)
    path = target.path
    assert path is not None
    if not path.exists() or path.stat().st_size == 0:
        return []
    with in_plain_words(path), contextlib.closing(open_for_reading(path, target.busy_timeout_s)) as db:
        there = db.execute(
            "SELECT 1 FROM sqlite_master WHERE name = ? AND type IN ('table', 'view')", (table,)
        )
        return _fetched(db, query) if there.fetchone() else []


def _fetched(db: sqlite3.Connection, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.execute(query).fetchall()]


def _of_postgres(target: Target, table: str, query: str) -> list[tuple[Any, ...]]:
    """As the tool finds it: by the search path of whoever asks."""
    from mobius.adapters.databases.postgres_address import connected

    assert target.address is not None
    doing = f"what was applied to {target.address} is not known"
    with connected(target.address, doing, statement_timeout_s=30.0) as db:
        if db.execute("SELECT to_regclass(%s)", [table]).fetchone() == (None,):
            return []
        return [tuple(row) for row in db.execute(query.encode()).fetchall()]
