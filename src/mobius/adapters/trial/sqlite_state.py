"""An SQLite database at one moment: its schema, and its rows by number."""

from __future__ import annotations

import contextlib
import difflib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mobius.adapters.trial.tried import RECORDS


@dataclass(frozen=True, slots=True)
class Column:
    """What says how the values of a column are read: where it stands in a row, its declared type, what it holds in
    rows that are older than itself, and whether it is part of the key."""

    place: int
    kind: str
    default: bytes | None
    key: int

    @property
    def keeps_one_type(self) -> bool:
        """Whether values that are equal are of one type as well: where numbers or texts become what the column is for
        (Type Affinity, 3.1)."""
        kind = self.kind.upper()
        return "INT" in kind or any(word in kind for word in ("CHAR", "CLOB", "TEXT"))


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns in order, how many rows, the page that it begins with, and how it and its indexes were
    declared, by name."""

    columns: Mapping[str, Column]
    rows: int
    root: int
    declared: Mapping[str, tuple[int, bytes | None]]


@dataclass(frozen=True, slots=True)
class State:
    """What there is. `schema`: a line for each object, as it was written."""

    tables: Mapping[str, Table]
    schema: tuple[str, ...]


NOTHING = State({}, ())  # before the first migration


def state_of(
    path: Path, was: State = NOTHING, has_its_pages: Callable[[str], bool] = lambda _: False
) -> State:
    """Looks at the database at `path`; its rows are counted, not read; nor counted of a table that begins where it
    `was`, and of which every page is as it was (`has_its_pages`)."""
    with contextlib.closing(reading(path)) as db:
        tables = {}
        for name in _named(db):
            with contextlib.suppress(sqlite3.OperationalError):  # a virtual table whose module is not here
                tables[name] = _table(db, name, was.tables.get(name), has_its_pages)
        return State(tables, _schema(db))


def _table(
    db: sqlite3.Connection, name: str, was: Table | None, has_its_pages: Callable[[str], bool]
) -> Table:
    columns = {
        column.decode(): Column(place, kind.decode(), default, key)
        for place, column, kind, _, default, key, hidden in db.execute(f"PRAGMA table_xinfo({quoted(name)})")
        if not hidden
    }
    declared = {
        each.decode(): (root, sql)
        for each, root, sql in db.execute(
            "SELECT name, rootpage, sql FROM sqlite_master WHERE tbl_name = ? AND type IN ('table', 'index')",
            (name,),
        )
    }
    root = declared[name][0]
    if was is not None and root and was.root == root and has_its_pages(name):
        return Table(columns, was.rows, root, declared)
    rows = db.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()[0]
    return Table(columns, rows, root, declared)


def reading(path: Path) -> sqlite3.Connection:
    """Nobody else has it, and nothing is in a log beside it: nothing may grow there only because it was looked at."""
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
    db.text_factory = bytes  # a text may hold bytes that are none
    return db


def _named(db: sqlite3.Connection) -> list[str]:
    """The tables that are the user's own: SQLite's, ours, and those inside of a virtual table follow from others."""
    rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    inside = {row[1].decode() for row in db.execute("PRAGMA table_list") if row[2] == b"shadow"}
    names = [row[0].decode() for row in rows]
    return [name for name in names if not name.startswith("sqlite_") and name not in RECORDS | inside]


def schema_difference(was: State, becomes: State) -> str:
    """What was added and taken away, a line each."""
    lines = difflib.unified_diff(was.schema, becomes.schema, lineterm="", n=0)
    return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


def _schema(db: sqlite3.Connection) -> tuple[str, ...]:
    rows = db.execute("SELECT sql, tbl_name FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name")
    return tuple(" ".join(sql.decode().split()) for sql, table in rows if table.decode() not in RECORDS)


def narrower(was: State, then: State) -> str:
    """Which tables lack columns that they had; "" for none."""
    both = {name: set(table.columns) - set(then.tables[name].columns)
            for name, table in was.tables.items() if name in then.tables}  # fmt: skip
    return "; ".join(f"{name} lacks {', '.join(sorted(gone))}" for name, gone in both.items() if gone)


def shapes_differ(was: State, then: State) -> str:
    """Columns and objects, not how their SQL was written: ALTER TABLE writes it anew. "" where they are the same."""
    extra = sorted(then.tables.keys() - was.tables.keys())
    if extra:
        return f"{', '.join(extra)} stays"
    both = was.tables.keys() & then.tables.keys()  # what is gone is told by its rows
    wider = sorted(name for name in both if [*then.tables[name].columns] != [*was.tables[name].columns])
    return f"the columns of {', '.join(wider)} differ" if wider else ""


def quoted(name: str) -> str:
    """A name as SQL needs it."""
    return '"' + name.replace('"', '""') + '"'
