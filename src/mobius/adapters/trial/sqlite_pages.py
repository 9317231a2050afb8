"""Which pages of an SQLite file are as they were, and so which of its tables: cheaper than to read their rows."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
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
    """Whose pages the pages of the file `before` are, asked once for each table and index."""

    before: Path
    _pages: dict[str, frozenset[int]] = field(default_factory=dict)

    def are_as_they_were(self, names: Iterable[str], pages: Pages) -> bool:
        """Whether every page of these tables and indexes is in the later file as it was. False where that cannot be
        told: this SQLite does not say which pages are whose (dbstat)."""
        if pages.differing is None:
            return False
        return all(self._is_as_it_was(name, pages.differing) for name in names)

    def _is_as_it_was(self, name: str, differing: frozenset[int]) -> bool:
        if name not in self._pages:
            found = set()
            with contextlib.closing(reading(self.before)) as db, contextlib.suppress(sqlite3.Error):
                for (page,) in db.execute(_WHOSE, (name,)):
                    if page in differing:
                        return False
                    found.add(page)
            self._pages[name] = frozenset(found)  # none: a virtual table, or nobody knows
        return bool(self._pages[name]) and self._pages[name].isdisjoint(differing)


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
