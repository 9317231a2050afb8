"""Which pages of an SQLite file are as they were, and so which of its tables: cheaper than to read their rows."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mobius.adapters.trial.sqlite_state import reading

_AT_ONCE = 1 << 20  # bytes; a multiple of every page size
_WHOSE = "SELECT pageno FROM dbstat WHERE name = ?"
_HEADER = 18  # bytes, up to the page size


@dataclass(frozen=True, slots=True)
class Pages:
    """One file beside a later one. `differing`: the numbers (from 1) of the pages before that are not in the later file
    as they were, None where nothing can be told by pages; `written_bytes`: how much of the later file is written
    anew."""

    differing: frozenset[int] | None
    written_bytes: int


def pages_between(before: Path, after: Path) -> Pages:
    """Both must be whole in one file: nothing of them in a log."""
    size, total_bytes = _page_size(after), after.stat().st_size
    if not before.exists() or not before.stat().st_size or _page_size(before) != size:
        return Pages(None, total_bytes)
    there_bytes = min(before.stat().st_size, total_bytes)
    differing = frozenset(_differing(before, after, size))
    other_bytes = size * sum(number * size <= there_bytes for number in differing)
    return Pages(differing, other_bytes + total_bytes - there_bytes)


@dataclass(slots=True)
class Owners:
    """Whose pages the pages of the file `before` are, asked at most once for each table and index. `smallest_first`:
    names of tables, in the order in which it costs least to ask. The file must be sound: no page of two tables."""

    before: Path
    smallest_first: Sequence[str] = ()
    _pages: dict[str, frozenset[int]] = field(default_factory=dict)
    _trees: list[str] | None = None
    _asking: threading.Lock = field(default_factory=threading.Lock)

    def are_as_they_were(self, names: Iterable[str], pages: Pages) -> bool:
        """Whether every page of these tables and indexes is in the later file as it was. False where that cannot be
        told: this SQLite does not say which pages are whose (dbstat)."""
        differing = pages.differing
        if differing is None:
            return False
        with self._asking:
            return all(self._is_as_it_was(name, differing) for name in names)

    def _is_as_it_was(self, name: str, differing: frozenset[int]) -> bool:
        if name not in self._pages:
            with contextlib.closing(reading(self.before)) as db, contextlib.suppress(sqlite3.Error):
                trees = self._all(db)
                if name not in trees:
                    return False  # a virtual table
                if self._are_others(db, trees[: trees.index(name)], differing):
                    return True
                found = set()
                for (page,) in db.execute(_WHOSE, (name,)):
                    if page in differing:
                        return False
                    found.add(page)
                self._pages[name] = frozenset(found)
        return bool(self._pages.get(name)) and self._pages[name].isdisjoint(differing)

    def _are_others(self, db: sqlite3.Connection, names: Iterable[str], differing: frozenset[int]) -> bool:
        """Whether each page that differs is one of these, or was free: so that no other need be looked at."""
        left = differing - _free(self.before) if differing else differing
        for name in names:
            if not left:
                break
            if name not in self._pages:
                self._pages[name] = frozenset(page for (page,) in db.execute(_WHOSE, (name,)))
            left -= self._pages[name]
        return not left

    def _all(self, db: sqlite3.Connection) -> list[str]:
        """Every table and index that has pages, the schema's own first."""
        if self._trees is None:
            rows = db.execute("SELECT name, tbl_name FROM sqlite_master WHERE rootpage <> 0").fetchall()
            places = {name: place for place, name in enumerate(self.smallest_first)}
            found = {name.decode(): places.get(table.decode(), len(places)) for name, table in rows}
            self._trees = ["sqlite_schema", *sorted(found, key=lambda name: found[name])]
        return self._trees


def _free(path: Path) -> frozenset[int]:
    """The pages that nobody uses: trunks, each with the next one, a number, and so many others (Database File Format,
    1.5)."""
    size, found = _page_size(path), set()
    with path.open("rb") as file:
        file.seek(32)
        trunk = int.from_bytes(file.read(4), "big")
        while trunk and trunk not in found:
            file.seek((trunk - 1) * size)
            page = file.read(size)
            numbers = [int.from_bytes(page[at : at + 4], "big") for at in range(0, size, 4)]
            found |= {trunk, *numbers[2 : 2 + min(numbers[1], size // 4 - 2)]} if page else {trunk}
            trunk = numbers[0]
    return frozenset(found)


def _differing(before: Path, after: Path, size: int) -> Iterator[int]:
    """Those of the file before that are gone differ as well."""
    number = 1
    with before.open("rb", buffering=0) as old, after.open("rb", buffering=0) as new:
        while was := old.read(_AT_ONCE):
            then = new.read(_AT_ONCE)
            if was != then:
                for at in range(0, len(was), size):
                    if was[at : at + size] != then[at : at + size]:
                        yield number + at // size
            number += len(was) // size


def _page_size(path: Path) -> int:
    with path.open("rb") as file:
        size = int.from_bytes(file.read(_HEADER)[16:18], "big")
    return 65_536 if size == 1 else max(512, size)
