"""What does not hold in an SQLite database: pages, references, views that no longer open."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from mobius.adapters.trial.sqlite_pages import Owners, Pages
from mobius.adapters.trial.sqlite_state import State, Table, quoted, reading

_MOST_TOLD = 5


def newly_broken(
    owners: Owners, after: Path, was: State, becomes: State, pages: Pages, *, as_declared: bool
) -> tuple[str, ...]:
    """What does not hold in `after` and did in `before`. A table whose pages, indexes and declaration are as they were
    is not looked through again. `as_declared`: SQLite itself wrote the schema, so that it filled every index that is
    new; false where the schema may have been written by hand."""
    before, both = owners.before, was.tables.keys() & becomes.tables.keys()
    same = frozenset(
        name
        for name in both
        if _is_declared_as_it_was(was.tables[name], becomes.tables[name], or_by_sqlite=as_declared)
        and owners.are_as_they_were(was.tables[name].declared, pages)
    )
    with contextlib.closing(reading(after)) as db:
        broken = frozenset(_broken(db, same))
    if broken and before.exists():
        with contextlib.closing(reading(before)) as db:
            broken -= frozenset(_broken(db))
    return tuple(sorted(broken))


def _is_declared_as_it_was(was: Table, then: Table, *, or_by_sqlite: bool) -> bool:
    """With its indexes; `or_by_sqlite`: it may have more of these."""
    if any(then.declared.get(name) != declared for name, declared in was.declared.items()):
        return False
    return or_by_sqlite or len(then.declared) == len(was.declared)


def _broken(db: sqlite3.Connection, same: Collection[str] = ()) -> Iterator[str]:
    """`same`: tables that hold if they did before."""
    rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    tables = [row[0].decode() for row in rows]
    others = [name for name in tables if name not in same]
    yield from _damaged(db, [f"({quoted(name)})" for name in others] if same else [""])
    now = {name.lower() for name in tables if name in same}
    for name in tables:
        with contextlib.suppress(sqlite3.DatabaseError):
            parents = {
                row[2].decode().lower() for row in db.execute(f"PRAGMA foreign_key_list({quoted(name)})")
            }
            if parents and not (name in same and parents <= now):
                yield from _dangling(db, name)
    views = db.execute("SELECT name FROM sqlite_master WHERE type = 'view' ORDER BY name").fetchall()
    for view in (row[0].decode() for row in views):
        try:
            db.execute(f"SELECT * FROM {quoted(view)} LIMIT 0")
        except sqlite3.DatabaseError as error:
            yield f"the view {view} no longer opens: {error}"


def _damaged(db: sqlite3.Connection, which: list[str]) -> Iterator[str]:
    """`which`: a table in brackets, or "" for the whole file."""
    told = 0
    for each in which:
        try:
            problems = [row[0].decode() for row in db.execute(f"PRAGMA quick_check{each}")]
        except sqlite3.DatabaseError as error:
            problems = [str(error)]
        for problem in problems:
            if problem != "ok" and told < _MOST_TOLD:
                told += 1
                yield f"quick_check: {' '.join(problem.split())}"


def _dangling(db: sqlite3.Connection, table: str) -> Iterator[str]:
    parents = Counter(row[2].decode() for row in db.execute(f"PRAGMA foreign_key_check({quoted(table)})"))
    for parent, count in sorted(parents.items()):
        yield f"{count} row(s) of {table} refer to rows of {parent} that are not there"
