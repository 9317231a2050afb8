"""What differs between two SQLite databases of the same service: by primary key where there is one, else by counts.

SQLite does the comparing, one table after the other, along its own indexes: memory does not grow with the rows. A
progress handler ends it when time is up, and what is left is counted only.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mobius.adapters.databases.row_values import shown
from mobius.archive.sqlite_capture import in_plain_words, open_for_reading, primary_code
from mobius.model.loss import LostRow, TableChange

NO_TIME = "no time left to compare"
NO_KEY = "it has no primary key"
OTHER_KEY = "its primary key is another now"
COUNTING_S = 10.0  # more for counting alone, which walks one index
STEPS = 20_000  # of SQLite's machine between two looks at the clock


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


class Pair:
    """Two databases opened as one: `now` as main, `then` beside it. Neither is changed. `untold`: the tables whose rows
    `rows` could not tell, and why."""

    def __init__(self, db: sqlite3.Connection, name: str) -> None:
        self._db = db
        self._name = name
        self._now = _tables(db, "main")
        self._then = _tables(db, "was")
        self.untold: dict[str, str] = {}

    def changes(self, until: float) -> Iterator[TableChange]:
        """Every table of either, by name. `until` is by `time.monotonic`; later ones are counted, or not even that."""
        for name in sorted({**self._now, **self._then}):
            yield self._change(name, until)

    def rows(self, until: float) -> Iterator[LostRow]:
        """Every row that differs, in order of tables; of tables without a key it is told only that they differ."""
        for name in sorted({**self._now, **self._then}):
            now, then = self._now.get(name), self._then.get(name)
            table = now or then
            assert table is not None
            try:
                with _limited(self._db, until):
                    if now is None or then is None:
                        where = "main" if now else "was"
                        query = f"SELECT {_list(table.columns)} FROM {where}.{_quoted(name)}"
                        change = "added" if now else "removed"
                        yield from self._listed(query, table, change)
                    elif not (why := _not_by_key(now, then)):
                        yield from self._differing(now, then)
                    elif not self._one(_same_rows(now, then)):
                        self.untold[name] = why
            except sqlite3.OperationalError as problem:
                self.untold[name] = NO_TIME if _interrupted(problem) else str(problem)

    def _change(self, name: str, until: float) -> TableChange:
        now, then = self._now.get(name), self._then.get(name)
        change = TableChange(self._name, name, None, None, is_new=then is None, is_gone=now is None)
        try:
            with _limited(self._db, until + COUNTING_S):
                rows_now = self._count("main", name) if now else None
                rows_then = self._count("was", name) if then else None
            change = replace(change, rows_now=rows_now, rows_then=rows_then)
            with _limited(self._db, until):
                if now is None:
                    return replace(change, added=0, changed=0, removed=rows_then)
                if then is None:
                    return replace(change, added=rows_now, changed=0, removed=0)
                if why := _not_by_key(now, then):
                    if rows_now == rows_then and self._one(_same_rows(now, then)):
                        return replace(change, added=0, changed=0, removed=0)
                    return replace(change, counted_only=why)
                return replace(
                    change,
                    added=self._one(_missing("count(*)", "main", "was", now)),
                    removed=self._one(_missing("count(*)", "was", "main", now)),
                    changed=self._one(_changed("count(*)", now, then)),
                )
        except sqlite3.OperationalError as problem:
            why = NO_TIME if _interrupted(problem) else str(problem)
            return replace(change, counted_only=why)

    def _differing(self, now: _Table, then: _Table) -> Iterator[LostRow]:
        columns = _list(now.columns, "n")
        yield from self._listed(_missing(columns, "main", "was", now), now, "added")
        yield from self._listed(_changed(columns, now, then), now, "changed")
        yield from self._listed(_missing(_list(then.columns, "n"), "was", "main", then), then, "removed")

    def _listed(self, query: str, table: _Table, change: str) -> Iterator[LostRow]:
        for values in self._db.execute(query):
            row = {c: shown(c, v) for c, v in zip(table.columns, values, strict=True)}
            key = {c: row[c] for c in table.key}
            yield LostRow(self._name, table.name, change, key, row)

    def _count(self, schema: str, table: str) -> int:
        return self._one(f"SELECT count(*) FROM {schema}.{_quoted(table)}")

    def _one(self, query: str) -> int:
        return int(self._db.execute(query).fetchone()[0])


def counted(now: Path, until: float, *, busy_timeout_s: float = 5.0) -> dict[str, int | None]:
    """The rows of each table; None for one that could not be counted until then. Raises `MobiusError` as `pair`."""
    rows: dict[str, int | None] = {}
    with in_plain_words(now), contextlib.closing(open_for_reading(now, busy_timeout_s)) as db:
        for name in _tables(db, "main"):
            try:
                with _limited(db, until):
                    rows[name] = int(db.execute(f"SELECT count(*) FROM main.{_quoted(name)}").fetchone()[0])
            except sqlite3.OperationalError:  # out of time, or it lacks what only the application has
                rows[name] = None
    return rows


@contextlib.contextmanager
def pair(now: Path, then: Path, name: str, *, busy_timeout_s: float = 5.0) -> Iterator[Pair]:
    """Opens both, each as it is at one moment. `then` is a copy that nobody writes. Raises `MobiusError` where one of
    them is locked, damaged or no database, in plain words."""
    with in_plain_words(now), contextlib.closing(_open(now, then, busy_timeout_s)) as db:
        yield Pair(db, name)


def _open(now: Path, then: Path, busy_timeout_s: float) -> sqlite3.Connection:
    try:
        return _opened(now, then, "?mode=ro", busy_timeout_s)
    except sqlite3.OperationalError as problem:
        # A crash left a journal, which must be played back before anybody can read.
        if primary_code(problem) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
    return _opened(now, then, "?mode=rw", busy_timeout_s)


def _opened(now: Path, then: Path, how: str, busy_timeout_s: float) -> sqlite3.Connection:
    uri = now.absolute().as_uri() + how
    db = sqlite3.connect(uri, uri=True, timeout=busy_timeout_s, isolation_level=None)
    try:
        db.execute("ATTACH DATABASE ? AS was", (then.absolute().as_uri() + "?mode=ro&immutable=1",))
        db.execute("PRAGMA temp_store = FILE")
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM main.sqlite_master").fetchone()
    except BaseException:
        db.close()
        raise
    return db


def _tables(db: sqlite3.Connection, schema: str) -> dict[str, _Table]:
    """Without those of SQLite itself, virtual ones, and what they keep their content in."""
    found: dict[str, _Table] = {}
    hidden = {row[1] for row in db.execute(f"PRAGMA {schema}.table_list") if row[2] != "table"}
    query = f"SELECT name FROM {schema}.sqlite_master WHERE type = 'table' ORDER BY name"
    for (name,) in db.execute(query).fetchall():
        if name.startswith("sqlite_") or name in hidden:
            continue
        columns = db.execute(f"PRAGMA {schema}.table_info({_quoted(name)})").fetchall()
        key = tuple(row[1] for row in sorted((row for row in columns if row[5]), key=lambda row: int(row[5])))
        found[name] = _Table(name, tuple(row[1] for row in columns), key)
    return found


def _missing(what: str, there: str, not_there: str, table: _Table) -> str:
    """Rows of one side whose key the other has not."""
    same = " AND ".join(f"o.{_quoted(k)} IS n.{_quoted(k)}" for k in table.key)
    inner = f"SELECT 1 FROM {not_there}.{_quoted(table.name)} AS o WHERE {same}"
    return f"SELECT {what} FROM {there}.{_quoted(table.name)} AS n WHERE NOT EXISTS ({inner})"


def _changed(what: str, now: _Table, then: _Table) -> str:
    """Rows with the same key and another value; letters that differ only by case differ."""
    both = [c for c in now.columns if c in then.columns and c not in now.key]
    same = " AND ".join(f"o.{_quoted(k)} IS n.{_quoted(k)}" for k in now.key)
    other = " OR ".join(f"n.{_quoted(c)} COLLATE BINARY IS NOT o.{_quoted(c)}" for c in both) or "0"
    name = _quoted(now.name)
    return f"SELECT {what} FROM main.{name} AS n CROSS JOIN was.{name} AS o WHERE {same} AND ({other})"


def _not_by_key(now: _Table, then: _Table) -> str:
    """Why the rows cannot be told apart; "" where they can."""
    if not now.key or not then.key:
        return NO_KEY
    return OTHER_KEY if now.key != then.key else ""


def _same_rows(now: _Table, then: _Table) -> str:
    """1 where both hold the same rows, each as often."""
    both = [c for c in now.columns if c in then.columns]
    values = ", ".join(f"{_quoted(c)} COLLATE BINARY" for c in both) or "1"
    numbers = ", ".join(str(place + 1) for place in range(len(both) or 1))
    main, was = (
        f"SELECT {values}, count(*) FROM {schema}.{_quoted(now.name)} GROUP BY {numbers}"
        for schema in ("main", "was")
    )
    differs = f"SELECT * FROM ({main} EXCEPT {was}) UNION ALL SELECT * FROM ({was} EXCEPT {main})"
    return f"SELECT NOT EXISTS ({differs})"


def _list(columns: Sequence[str], of: str = "") -> str:
    before = f"{of}." if of else ""
    return ", ".join(f"{before}{_quoted(c)}" for c in columns)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextlib.contextmanager
def _limited(db: sqlite3.Connection, until: float) -> Iterator[None]:
    db.set_progress_handler(lambda: int(time.monotonic() >= until), STEPS)
    try:
        yield
    finally:
        db.set_progress_handler(None, 0)


def _interrupted(problem: sqlite3.OperationalError) -> bool:
    return primary_code(problem) == sqlite3.SQLITE_INTERRUPT
