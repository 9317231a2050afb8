"""The rows of SQLite's tables before and after: by their pages where those tell, else by rowid, else by checksums."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from mobius.adapters.trial.sqlite_pages import Owners, Pages
from mobius.adapters.trial.sqlite_state import State, Table, quoted, reading
from mobius.adapters.trial.tried import SAME
from mobius.model.trial import Rows

_MOST_MATCHED = 200_000  # rows of a table that came to more: beyond it they are not matched one by one
_FETCH = 2000
_MASK = (1 << 64) - 1


def rows_between(
    before: Path,
    after: Path,
    was: State,
    becomes: State,
    *,
    pages: Pages,
    owners: Owners,
    touched: Collection[str],
) -> tuple[Rows, ...]:
    """Table by table: the rows of `before` beside those of `after`, over the columns that both have. `touched`: what a
    statement names, in lower case: SQLite does not tell A from a in a name."""
    if not was.tables:
        return ()
    found = []
    with (
        contextlib.closing(reading(before)) as old,
        contextlib.closing(reading(after)) as new,
    ):
        for name, table in was.tables.items():
            then, is_touched = becomes.tables.get(name), name.lower() in touched
            both = [column for column in table.columns if column in then.columns] if then else []
            sums, only_more = ("", ""), False
            if then is not None and both and table.rows == then.rows:
                sums = (SAME, SAME)
                by_pages = _mean_the_same(table, then, both) and owners.are_as_they_were([name], pages)
                if not by_pages and not _have_the_same_rows(old, after, name, table, then, both):
                    sums = (_checksum(old, name, both), _checksum(new, name, both))
            elif then is not None and both and table.rows < then.rows <= _MOST_MATCHED:
                only_more = not Counter(_digests(old, name, both)) - Counter(_digests(new, name, both))
            later = then.rows if then else -1
            found.append(Rows(name, table.rows, later, *sums, touched=is_touched, only_more=only_more))
    return tuple(found)


def _mean_the_same(was: Table, then: Table, both: list[str]) -> bool:
    """Whether the same pages would hold the same values."""
    return was.root == then.root and all(was.columns[each] == then.columns[each] for each in both)


def _have_the_same_rows(
    old: sqlite3.Connection, after: Path, table: str, was: Table, then: Table, both: list[str]
) -> bool:
    """Whether each row has the same values in `after`, found by its rowid: twenty times as fast as to read them all.
    False where that cannot be told: no rowid, or other ones."""
    if "rowid" in {column.lower() for column in both}:
        return False
    alike = [f"a.{quoted(column)} IS b.{quoted(column)} COLLATE BINARY" for column in both]
    alike += [
        f"typeof(a.{quoted(column)}) = typeof(b.{quoted(column)})"
        for column in both
        if not (was.columns[column].keeps_one_type and was.columns[column].kind == then.columns[column].kind)
    ]
    query = f"""SELECT count(*) FROM main.{quoted(table)} a JOIN later.{quoted(table)} b ON a.rowid = b.rowid
        WHERE {" AND ".join(alike)}"""
    old.execute("ATTACH ? AS later", (f"{after.absolute().as_uri()}?mode=ro&immutable=1",))
    try:
        return bool(old.execute(query).fetchone()[0] == was.rows)
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
