"""A whole journal into another, empty database: every row as it is, in one transaction, its chain proven twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from mobius.adapters.journals import chain
from mobius.adapters.journals.database import Database, MemoryDatabase
from mobius.adapters.journals.sql import Sql
from mobius.errors import GateFailed, MobiusError, UsageError

# In an order in which nothing names what is not there yet, each with what its rows are ordered by.
TABLES: Mapping[str, str] = {
    "environments": "name",
    "runs": "id",
    "events": "seq",
    "steps": "run_id, begun_seq, attempt",
    "samples": "id",
    "releases": "rowid",
    "backups": "rowid",
    "outbox": "id",
    "deliveries": "outbox_id, channel",
    "channels": "environment, name",
}
NUMBERED = ("samples", "outbox")  # whose next id the database gives
AT_ONCE = 40  # rows a statement: 20 columns each are well below every database's limit


@dataclass(frozen=True, slots=True)
class CopiedJournal:
    """Rows by table, how many events that are, and the last one's hash."""

    rows: Mapping[str, int]
    events: int
    head: str


def look(source: Database) -> CopiedJournal:
    """What there is to copy. Raises `MobiusError` for a broken chain, `GateFailed` while a run is going on."""
    return source.read(_looked)


def is_empty(database: Database) -> bool:
    """Whether nothing was ever written there."""
    return database.read(_is_empty)


def copy(source: Database, destination: Database, tell: Callable[[str, int], None]) -> CopiedJournal:
    """All of it, or nothing. `tell` hears each table with its rows. Raises `UsageError` where something is in the
    destination already, and as `look` does."""

    def between(before: Sql) -> CopiedJournal:
        found = _looked(before)
        with destination.writing() as after:
            if not _is_empty(after):
                raise not_empty()
            for table, order in TABLES.items():
                tell(table, _copy_table(before, after, table, order))
            for table in NUMBERED:
                _go_on_numbering(after, table)
            _refuse_another(found, _looked(after))
        return found

    return source.read(between)


def not_empty() -> UsageError:
    """What whoever would mix two journals is told."""
    return UsageError(
        "there is a journal in the destination already, and two cannot be mixed: each is one chain",
        "for PostgreSQL, name another schema (--schema), and the same in mobius.toml; a file: move it away and keep it",
    )


def _looked(sql: Sql) -> CopiedJournal:
    active = sql.execute("SELECT id, environment, kind, state FROM runs WHERE ended = 0").fetchone()
    if active is not None:
        raise GateFailed(
            f"run {active['id']} ({active['kind']} in {active['environment']}) is not over: {active['state']}",
            f"let it end first: mobius status -e {active['environment']}",
        )
    links = sql.execute(f"SELECT {', '.join(chain.Link._fields)} FROM events ORDER BY seq")
    events, head = chain.verify(chain.Link(*row) for row in links)
    counted = {table: int(sql.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in TABLES}
    return CopiedJournal(counted, events, head)


def _is_empty(sql: Sql) -> bool:
    return all(sql.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is None for table in TABLES)


def _copy_table(before: Sql, after: Sql, table: str, order: str) -> int:
    columns = _columns(table)
    names, marks = ", ".join(columns), f"({', '.join('?' * len(columns))})"
    count = 0
    for rows in _in_pieces(before.execute(f"SELECT {names} FROM {table} ORDER BY {order}")):
        values = [value for row in rows for value in row]
        after.execute(f"INSERT INTO {table} ({names}) VALUES {', '.join([marks] * len(rows))}", values)
        count += len(rows)
    return count


def _in_pieces(rows: Iterable[Any]) -> Iterator[Sequence[Any]]:
    left = iter(rows)
    while piece := list(islice(left, AT_ONCE)):
        yield piece


def _columns(table: str) -> tuple[str, ...]:
    """Of the newest schema, whichever database has it."""
    with MemoryDatabase().writing() as sql:
        return tuple(row[1] for row in sql.execute(f"PRAGMA table_info({table})"))


def _go_on_numbering(sql: Sql, table: str) -> None:
    """PostgreSQL counts apart from what is there; SQLite does not."""
    highest = sql.execute(f"SELECT max(id) FROM {table}").fetchone()[0]
    if highest is not None and not isinstance(sql, sqlite3.Connection):
        sql.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), ?)", (highest,))


def _refuse_another(wanted: CopiedJournal, found: CopiedJournal) -> None:
    if wanted != found:
        raise MobiusError(
            "what arrived is not what was sent, so nothing was kept",
            "please report this; the journal that was to be copied is untouched",
            details=(f"sent {wanted}", f"arrived {found}"),
        )
