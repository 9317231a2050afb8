"""What would be lost by going back to a backup, and afterwards what was: the present beside the archive's copy.

Only databases are extracted, into a scratch place; files are compared with the manifest. All of it is bounded: in
time (what is left is counted only, and said to be), in memory, and a listing in rows.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobius.adapters.backups.comparing_files import file_changes, summed
from mobius.adapters.databases.differing import COUNTING_S, counted, pair
from mobius.archive.durable import human
from mobius.archive.extract import extract_archive
from mobius.archive.verify import opened_verified
from mobius.archive.zip_in_examine import Opened
from mobius.errors import BackupInvalid, MobiusError
from mobius.model.loss import Comparison, LostRow, PathChange, TableChange

Place = Callable[[str], Path]  # a configured path to where its content lies now, or was put
LAID_OUT_BYTES_PER_S = 100_000_000  # a slow disk's pace
DEAD_S = 3600.0  # a scratch place of another process, older than this, was left by its death


@dataclass(frozen=True, slots=True)
class _Database:
    """A captured SQLite database: its member, and the backup path (member and configured) that holds it."""

    member: str
    outer: str
    path: str
    size_bytes: int

    @property
    def shown(self) -> str:
        return self.path + self.member[len(self.outer) :]

    def at(self, place: Place) -> Path:
        """Where it lies now, or was put."""
        inside = self.member[len(self.outer) :].lstrip("/")
        return place(self.path) / inside if inside else place(self.path)


class Comparer:
    """Compares with archives; `scratch` is the folder in which databases are laid out meanwhile."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch

    def compare(self, path: Path, place: Place, *, within_s: float) -> Comparison:
        """What changed since the backup, told apart as far as `within_s` seconds allow. Raises `BackupInvalid` when
        the archive does not hold; what cannot be compared is a note."""
        began = time.monotonic()
        until = began + within_s
        tables: list[TableChange] = []
        paths: list[PathChange] = []
        notes: list[str] = []
        with opened_verified(path) as opened:
            taken_at = float(str(opened.manifest.metadata.get("created_unix") or 0))
            for member, name in _paths(opened.manifest.metadata):
                live = place(name)
                changes = file_changes(live, opened.under(member), member, until)
                try:
                    paths.append(summed(name, changes))
                except OSError as problem:
                    notes.append(f"{name} could not be read: {problem.strerror or problem}")
            databases = list(_databases(opened))
            recorded = _recorded(opened.manifest.metadata)
        if databases:
            self._tables(path, databases, place, until, recorded, tables, notes)
        took_s = round(time.monotonic() - began, 3)
        return Comparison(path.name, taken_at, tuple(tables), tuple(paths), tuple(notes), took_s)

    def lost(self, path: Path, place: Place, untold: dict[str, str], *, within_s: float) -> Iterator[LostRow]:
        """Row by row and file by file what `place` has otherwise than the archive, as far as the time allows. Tables
        that differ and whose rows could not be told get into `untold`, with the reason."""
        until = time.monotonic() + within_s
        with opened_verified(path) as opened:
            databases = list(_databases(opened))
            named = _paths(opened.manifest.metadata)
        with self._laid_out(path, databases) as copies:
            for database in databases:
                live = database.at(place)
                if live.is_file():
                    with pair(live, copies / database.member, database.shown) as both:
                        yield from both.rows(until)
                    untold |= {f"{table} in {database.shown}": why for table, why in both.untold.items()}
        with opened_verified(path) as opened:
            for member, name in named:
                for change in file_changes(place(name), opened.under(member), member, until):
                    row: dict[str, object] = {"size_bytes": change.size_bytes}
                    key: dict[str, object] = {"path": change.path or Path(name).name}
                    yield LostRow(name, "", change.change, key, row)

    def _tables(
        self,
        path: Path,
        databases: Sequence[_Database],
        place: Place,
        until: float,
        recorded: Mapping[str, Mapping[str, int]],
        tables: list[TableChange],
        notes: list[str],
    ) -> None:
        try:
            self._refuse_what_takes_too_long(databases, until)
            with self._laid_out(path, databases) as copies:
                for database in databases:
                    live, name = database.at(place), database.shown
                    if not live.is_file():
                        notes.append(f"{name} is not there now; it comes back")
                        continue
                    try:
                        with pair(live, copies / database.member, name) as both:
                            tables.extend(both.changes(until))
                    except MobiusError as problem:
                        notes.append(f"{name} could not be compared: {problem.message}")
        except BackupInvalid:
            raise
        except (MobiusError, OSError) as problem:  # no room for the copies, most likely
            why = problem.message if isinstance(problem, MobiusError) else str(problem)
            for database in databases:
                then = recorded.get(database.member, {})
                tables.extend(_counted(database.at(place), database.shown, then, why, until, notes))

    def _refuse_what_takes_too_long(self, databases: Sequence[_Database], until: float) -> None:
        """Whoever is asked at three in the morning does not wait for a copy of everything."""
        size_bytes = sum(database.size_bytes for database in databases)
        if size_bytes > LAID_OUT_BYTES_PER_S * max(until - time.monotonic(), 1.0):
            raise MobiusError(f"{human(size_bytes)} are too much to lay out before asking")

    @contextmanager
    def _laid_out(self, path: Path, databases: Sequence[_Database]) -> Iterator[Path]:
        """The archive's databases in a scratch place, gone at the end; so are those of the dead."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        for left in self._scratch.glob("compared-*"):
            if time.time() - left.stat().st_mtime > DEAD_S:
                shutil.rmtree(left, ignore_errors=True)
        copies = self._scratch / f"compared-{os.getpid()}"
        shutil.rmtree(copies, ignore_errors=True)
        try:
            if databases:
                extract_archive(path, copies, prefixes=[each.member for each in databases], trusted=True)
            yield copies
        finally:
            shutil.rmtree(copies, ignore_errors=True)


def _paths(metadata: Mapping[str, object]) -> list[tuple[str, str]]:
    """Member and configured path of each backup path, as the archive says."""
    named = metadata.get("paths")
    if not isinstance(named, dict):
        raise BackupInvalid("it does not say where its data belongs", "mobius backup list")
    return [(str(member), str(name)) for member, name in named.items()]


def _databases(opened: Opened) -> Iterator[_Database]:
    for member, name in _paths(opened.manifest.metadata):
        for entry in opened.under(member):
            if entry.database:
                yield _Database(entry.path, member, name, entry.size_bytes)


def _recorded(metadata: Mapping[str, object]) -> dict[str, Mapping[str, int]]:
    """Rows of each table as they were counted when the backup was made."""
    facts: Any = metadata.get("archive")
    found = facts.get("databases", {}) if isinstance(facts, dict) else {}
    return {str(m): dict(of.get("tables", {})) for m, of in found.items() if isinstance(of, dict)}


def _counted(
    live: Path, name: str, then: Mapping[str, int], why: str, until: float, notes: list[str]
) -> Iterator[TableChange]:
    try:
        now = counted(live, until + COUNTING_S)
    except (MobiusError, OSError) as problem:
        notes.append(f"{name} could not be counted: {problem}")
        return
    for table in sorted({*now, *then}):
        gone, new = table not in now, table not in then
        rows = now.get(table)
        yield TableChange(name, table, then.get(table), rows, counted_only=why, is_new=new, is_gone=gone)
