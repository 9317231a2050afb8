"""An SQLite database at one moment: its schema, its rows by number and checksum, its pages, and what is broken."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import re
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mobius.adapters.trial.tried import RECORDS
from mobius.model.trial import Rows

_MOST_MATCHED = 200_000  # rows of a table that came to more: beyond it they are not matched one by one
_FETCH = 2000
SAME = "every value is the same"  # in the place of both checksums
_WORD = re.compile(r"\w+")
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns in order, how many rows, and a sum over them for each set of columns that was asked."""

    columns: tuple[str, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class State:
    """What there is. `schema`: a line for each object, as it was written."""

    tables: Mapping[str, Table]
    schema: tuple[str, ...]


NOTHING = State({}, ())  # before the first migration


def state_of(path: Path) -> State:
    """Looks at the database at `path`; its rows are counted, not read."""
    with contextlib.closing(_reading(path)) as db:
        tables = {}
        for name in _named(db):
            columns = tuple(row[1].decode() for row in db.execute(f"PRAGMA table_info({quoted(name)})"))
            with contextlib.suppress(sqlite3.OperationalError):  # a virtual table whose module is not here
                tables[name] = Table(
                    columns, db.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()[0]
                )
        return State(tables, _schema(db))


def newly_broken(before: Path, after: Path) -> tuple[str, ...]:
    """What does not hold in `after` and did in `before`; that is only asked when something does not."""
    with contextlib.closing(_reading(after)) as db:
        broken = frozenset(_broken(db))
    if broken and before.exists():
        with contextlib.closing(_reading(before)) as db:
            broken -= frozenset(_broken(db))
    return tuple(sorted(broken))


def _reading(path: Path) -> sqlite3.Connection:
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


def rows_between(
    before: Path,
    after: Path,
    was: State,
    becomes: State,
    *,
    touched: Collection[str],
    written: Collection[str] = (),
    only_touched: bool = False,
) -> tuple[Rows, ...]:
    """Table by table: the rows of `before` beside those of `after`, over the columns that both have. `only_touched`:
    take checksums of tables that a statement names and of those that are `written` to by what it sets off, and only
    count the others. Both are in lower case: SQLite does not tell A from a in a name."""
    if not was.tables:
        return ()
    found = []
    with (
        contextlib.closing(_reading(before)) as old,
        contextlib.closing(_reading(after)) as new,
    ):
        for name, table in was.tables.items():
            then = becomes.tables.get(name)
            is_touched = name.lower() in touched
            if then is None:
                found.append(Rows(name, table.rows, -1, touched=is_touched))
                continue
            both = [column for column in table.columns if column in then.columns]
            sums, only_more = ("", ""), False
            if both and (is_touched or name.lower() in written or not only_touched):
                as_many = table.rows == then.rows
                sums = (SAME, SAME)
                if not (as_many and _are_same(old, after, name, both, table.rows)):
                    sums = (_checksum(old, name, both), _checksum(new, name, both))
                if table.rows < then.rows <= _MOST_MATCHED:
                    only_more = not Counter(_digests(old, name, both)) - Counter(_digests(new, name, both))
            found.append(Rows(name, table.rows, then.rows, *sums, touched=is_touched, only_more=only_more))
    return tuple(found)


def set_off(path: Path, names: Collection[str]) -> set[str]:
    """What writing to the tables of these names (lower case) may write to as well, by triggers and references."""
    if not path.exists():
        return set()
    with contextlib.closing(_reading(path)) as db:
        leads: dict[str, set[str]] = {}
        for table, sql in db.execute(
            "SELECT tbl_name, sql FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            leads.setdefault(table.decode().lower(), set()).update(_WORD.findall(sql.decode().lower()))
        for table in _named(db):
            for row in db.execute(f"PRAGMA foreign_key_list({quoted(table)})").fetchall():
                leads.setdefault(row[2].decode().lower(), set()).add(table.lower())
    found, todo = set(names), list(names)
    while todo:
        more = leads.get(todo.pop(), set()) - found
        found |= more
        todo += more
    return found


def _are_same(old: sqlite3.Connection, after: Path, table: str, columns: list[str], rows: int) -> bool:
    """Whether each row has the same values in `after`, found by its rowid: twenty times as fast as to read them all.
    False where that cannot be told: no rowid, or other ones."""
    if "rowid" in {column.lower() for column in columns}:
        return False
    alike = " AND ".join(f"a.{quoted(column)} IS b.{quoted(column)} COLLATE BINARY" for column in columns)
    kinds = " AND ".join(f"typeof(a.{quoted(column)}) = typeof(b.{quoted(column)})" for column in columns)
    query = f"""SELECT count(*) FROM main.{quoted(table)} a JOIN later.{quoted(table)} b ON a.rowid = b.rowid
        WHERE {alike} AND {kinds}"""
    old.execute("ATTACH ? AS later", (f"{after.absolute().as_uri()}?mode=ro&immutable=1",))
    try:
        return bool(old.execute(query).fetchone()[0] == rows)
    except sqlite3.OperationalError:
        return False
    finally:
        old.execute("DETACH later")


def _checksum(db: sqlite3.Connection, table: str, columns: list[str]) -> str:
    """A sum that does not depend on the order of rows; values keep their type, so that 1 and '1' differ."""
    return f"{sum(_digests(db, table, columns)) & _MASK:016x}"


def _digests(db: sqlite3.Connection, table: str, columns: list[str]) -> Iterator[int]:
    cursor = db.execute(f"SELECT {', '.join(quoted(column) for column in columns)} FROM {quoted(table)}")
    while rows := cursor.fetchmany(_FETCH):
        for row in rows:
            digest = hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=8).digest()
            yield int.from_bytes(digest, "big")


def schema_difference(was: State, becomes: State) -> str:
    """What was added and taken away, a line each."""
    lines = difflib.unified_diff(was.schema, becomes.schema, lineterm="", n=0)
    return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


def changed_bytes(before: Path, after: Path) -> int:
    """How much of the file is written anew, page by page."""
    if not before.exists():
        return after.stat().st_size
    size = _page_size(before)
    old, new = (Counter(_pages(path, size)) for path in (before, after))
    return size * sum((new - old).values())


def _page_size(path: Path) -> int:
    with path.open("rb") as file:
        size = int.from_bytes(file.read(18)[16:18], "big")
    return 65_536 if size == 1 else max(512, size)


def _pages(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        while page := file.read(size):
            yield hashlib.blake2b(page, digest_size=16).digest()


def _schema(db: sqlite3.Connection) -> tuple[str, ...]:
    rows = db.execute("SELECT sql, tbl_name FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name")
    return tuple(" ".join(sql.decode().split()) for sql, table in rows if table.decode() not in RECORDS)


def _broken(db: sqlite3.Connection) -> Iterator[str]:
    """What does not hold: pages, references, views that no longer open."""
    try:
        problems = [row[0].decode() for row in db.execute("PRAGMA quick_check(5)")]
        yield from (f"quick_check: {' '.join(problem.split())}" for problem in problems if problem != "ok")
    except sqlite3.DatabaseError as error:
        yield f"quick_check: {error}"
    with contextlib.suppress(sqlite3.DatabaseError):
        broken = Counter((row[0].decode(), row[2].decode()) for row in db.execute("PRAGMA foreign_key_check"))
        for (table, parent), count in sorted(broken.items()):
            yield f"{count} row(s) of {table} refer to rows of {parent} that are not there"
    views = db.execute("SELECT name FROM sqlite_master WHERE type = 'view' ORDER BY name").fetchall()
    for view in (row[0].decode() for row in views):
        try:
            db.execute(f"SELECT * FROM {quoted(view)} LIMIT 0")
        except sqlite3.DatabaseError as error:
            yield f"the view {view} no longer opens: {error}"


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
    wider = sorted(name for name in both if then.tables[name].columns != was.tables[name].columns)
    return f"the columns of {', '.join(wider)} differ" if wider else ""


def quoted(name: str) -> str:
    """A name as SQL needs it."""
    return '"' + name.replace('"', '""') + '"'
