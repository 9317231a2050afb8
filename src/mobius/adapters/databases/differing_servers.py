"""What differs between two PostgreSQL databases of one service, on two servers: by primary key, else by counts.

Both are read in the order of the key, side by side. The servers hash the rows, so that only keys and hashes travel,
and memory does not grow with the rows. What is left when time is up is counted only.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from mobius.adapters.databases.differing import COUNTING_S, NO_KEY, NO_TIME, OTHER_KEY
from mobius.adapters.databases.postgres_address import Address, connected, driver, first_line
from mobius.adapters.databases.postgres_facts import one
from mobius.adapters.databases.postgres_tables import Table, digest, in_order, listing, row_of, tables_of
from mobius.model.loss import LostRow, TableChange

if TYPE_CHECKING:
    import psycopg

AT_ONCE = 2_000  # rows fetched together
LISTED_AT_ONCE = 200  # these with all that is in them
ROWS_BETWEEN_LOOKS = 1_000  # at the clock
# Values are written the same on both servers, whatever their roles and machines have set.
_WRITTEN_ALIKE = {
    "row_security": "off",  # an error rather than a part of the rows
    "search_path": "",
    "client_encoding": "UTF8",
    "extra_float_digits": "1",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "bytea_output": "hex",
    "lc_monetary": "C",
}

Change = Literal["added", "changed", "removed"]
Found = tuple[Change, str]  # and its place (ctid), in the old one for what was removed


class _TimeIsUp(Exception):
    pass


class ServerPair:
    """Both as they were at one moment, read only. `untold`: the tables that `rows` could not tell, and why."""

    def __init__(self, now: psycopg.Connection[Any], then: psycopg.Connection[Any], name: str) -> None:
        self._now_db, self._then_db = now, then
        self._name = name
        self._now, self._then = tables_of(now), tables_of(then)
        self.untold: dict[str, str] = {}

    def changes(self, rows_then: Mapping[str, int], until: float) -> Iterator[TableChange]:
        """Every table of either, by name; `rows_then` are known. `until` is by `time.monotonic`."""
        for name in sorted({*self._now, *self._then}):
            yield self._change(name, rows_then.get(name), until)

    def rows(self, until: float) -> Iterator[LostRow]:
        """Every row that differs, in order of tables; of tables without a key it is told only that they differ."""
        for name in sorted({*self._now, *self._then}):
            now, then = self._now.get(name), self._then.get(name)
            try:
                if now is None or then is None:
                    yield from self._all_of(now, then, until)
                elif why := _not_by_key(now, then):
                    if not self._same_rows(now, then, until):
                        self.untold[name] = why
                else:
                    yield from self._differing(now, then, until)
            except (driver().Error, _TimeIsUp) as problem:
                self.untold[name] = _why(problem)

    def _change(self, name: str, rows_then: int | None, until: float) -> TableChange:
        now, then = self._now.get(name), self._then.get(name)
        change = TableChange(self._name, name, rows_then, None, is_new=then is None, is_gone=now is None)
        try:
            if now is None:
                return replace(change, added=0, changed=0, removed=rows_then)
            with self._limited(until + COUNTING_S):
                change = replace(change, rows_now=_count(self._now_db, now))
            if then is None:
                return replace(change, added=change.rows_now, changed=0, removed=0)
            if why := _not_by_key(now, then):
                if change.rows_now == rows_then and self._same_rows(now, then, until):
                    return replace(change, added=0, changed=0, removed=0)
                return replace(change, counted_only=why)
            found = Counter(kind for kind, _ in self._merged(now, then, until))
            return replace(change, added=found["added"], changed=found["changed"], removed=found["removed"])
        except (driver().Error, _TimeIsUp) as problem:
            return replace(change, counted_only=_why(problem))

    def _merged(self, now: Table, then: Table, until: float) -> Iterator[Found]:
        common = [column for column in now.columns if column in then.columns]
        with (
            self._limited(until),
            self._now_db.cursor("side", binary=True) as left,
            self._then_db.cursor("side", binary=True) as right,
        ):
            left.itersize = right.itersize = AT_ONCE
            left.execute(in_order(now, common))
            right.execute(in_order(then, common))
            yield from _side_by_side(iter(left), iter(right), len(now.key), until)

    def _differing(self, now: Table, then: Table, until: float) -> Iterator[LostRow]:
        waiting: list[Found] = []
        for found in self._merged(now, then, until):
            waiting.append(found)
            if len(waiting) == LISTED_AT_ONCE:
                yield from self._told(waiting, now, then)
                waiting = []
        yield from self._told(waiting, now, then)

    def _told(self, found: list[Found], now: Table, then: Table) -> Iterator[LostRow]:
        """The rows themselves. A row keeps its place for as long as the transaction looks at one moment."""
        removed = _at(self._then_db, then, [place for change, place in found if change == "removed"])
        written = _at(self._now_db, now, [place for change, place in found if change != "removed"])
        for change, place in found:
            table, rows = (then, removed) if change == "removed" else (now, written)
            yield self._row(table, change, rows[place])

    def _all_of(self, now: Table | None, then: Table | None, until: float) -> Iterator[LostRow]:
        """Of a table that only one of them has."""
        table = now or then
        assert table is not None
        db = self._now_db if now else self._then_db
        with self._limited(until), db.cursor("all", binary=True) as cursor:
            cursor.itersize = LISTED_AT_ONCE
            for values in cursor.execute(listing(table, at=False)):
                _look_at_the_clock(until)
                yield self._row(table, "added" if now else "removed", row_of(table, values))

    def _row(self, table: Table, change: Change, row: dict[str, object]) -> LostRow:
        return LostRow(self._name, table.shown, change, {column: row[column] for column in table.key}, row)

    def _same_rows(self, now: Table, then: Table, until: float) -> bool:
        columns = sorted(now.columns.keys() & then.columns.keys())
        with self._limited(until):
            sides = (self._now_db, now), (self._then_db, then)
            left, right = (db.execute(digest(table, columns)).fetchone() for db, table in sides)
        return bool(left == right)

    @contextlib.contextmanager
    def _limited(self, until: float) -> Iterator[None]:
        """What goes wrong inside leaves both as they were for the next table."""
        with self._now_db.transaction(), self._then_db.transaction():
            for db in (self._now_db, self._then_db):
                left_ms = max(1, int((until - time.monotonic()) * 1000))
                db.execute(f"SET LOCAL statement_timeout = {left_ms}")
            yield


@contextlib.contextmanager
def server_pair(now: Address, then: Address, name: str) -> Iterator[ServerPair]:
    """Opens both. Raises `MobiusError` where one does not answer."""
    doing = f"{name} could not be compared"
    with (
        connected(now, doing) as now_db,
        connected(then, doing) as then_db,
        _as_it_is(now_db),
        _as_it_is(then_db),
    ):
        yield ServerPair(now_db, then_db, name)


def counted_on_server(now: Address, name: str, until: float) -> dict[str, int | None]:
    """The rows of each table now; None for one that could not be counted until then. Raises as `server_pair`."""
    rows: dict[str, int | None] = {}
    with connected(now, f"{name} could not be counted") as db, _as_it_is(db):
        for table in tables_of(db).values():
            try:
                with db.transaction():
                    left_ms = max(1, int((until - time.monotonic()) * 1000))
                    db.execute(f"SET LOCAL statement_timeout = {left_ms}")
                    rows[table.shown] = _count(db, table)
            except driver().Error:
                rows[table.shown] = None
    return rows


@contextlib.contextmanager
def _as_it_is(db: psycopg.Connection[Any]) -> Iterator[None]:
    """At this moment, and until the end."""
    with db.transaction():
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for setting, value in _WRITTEN_ALIKE.items():
            db.execute("SELECT set_config(%s, %s, true)", [setting, value])
        yield


def _side_by_side(now: Iterator[Any], then: Iterator[Any], keys: int, until: float) -> Iterator[Found]:
    """Both in the same order; each row is its key, a hash and its place."""
    left, right, seen = next(now, None), next(then, None), 0
    while left is not None or right is not None:
        seen += 1
        if seen % ROWS_BETWEEN_LOOKS == 0:
            _look_at_the_clock(until)
        if right is None or (left is not None and left[:keys] < right[:keys]):
            assert left is not None
            yield "added", left[-1]
            left = next(now, None)
        elif left is None or right[:keys] < left[:keys]:
            yield "removed", right[-1]
            right = next(then, None)
        else:
            if left[keys] != right[keys]:
                yield "changed", left[-1]
            left, right = next(now, None), next(then, None)


def _at(db: psycopg.Connection[Any], table: Table, places: list[str]) -> dict[str, dict[str, object]]:
    rows = db.execute(listing(table, at=True), [places], binary=True).fetchall() if places else []
    return {place: row_of(table, values) for place, *values in rows}


def _count(db: psycopg.Connection[Any], table: Table) -> int:
    sql = driver().sql
    counting = sql.SQL("SELECT count(*) FROM ONLY {}").format(sql.Identifier(table.schema, table.name))
    return int(one(db, counting))


def _not_by_key(now: Table, then: Table) -> str:
    """Why the rows cannot be told apart; "" where they can."""
    if not now.key or not then.key:
        return NO_KEY
    return OTHER_KEY if now.key != then.key or now.key_order() != then.key_order() else ""


def _look_at_the_clock(until: float) -> None:
    if time.monotonic() >= until:
        raise _TimeIsUp


def _why(problem: Exception) -> str:
    if isinstance(problem, _TimeIsUp | driver().errors.QueryCanceled):
        return NO_TIME
    return first_line(str(problem))
