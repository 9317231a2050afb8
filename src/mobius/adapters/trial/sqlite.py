"""A rehearsal of migrations on a copy of an SQLite database, with nothing but the standard library."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from mobius.adapters.databases.migrations import SqlMigrations
from mobius.adapters.databases.sql_files import Migration, Statement
from mobius.adapters.trial.probes import Probes
from mobius.adapters.trial.sqlite_state import (
    NOTHING,
    State,
    changed_bytes,
    rows_between,
    schema_difference,
    state_of,
)
from mobius.archive.sqlite_capture import COMPANIONS
from mobius.errors import GateFailed, MobiusError
from mobius.model.linting import Known
from mobius.model.trial import DownTrial, Locked, Trial, TrialStatement
from mobius.rules.migrations.tokens import statements

SMALL_ROWS = 10_000
FELT_S = 0.0005


def try_on_copy(
    copy: Path, directory: Path, *, before: Path, fast: bool = False, raising: bool = False
) -> Trial:
    """Runs what is pending in `directory` on `copy`, which is ours to spoil, beside the untouched `before`; then the
    way down, on a copy of that. Neither need be there: before the first deployment there is no database.

    `fast`: checksums of the tables that a statement names, counts of the others. Raises what `SqlMigrations` raises for
    files that are wrong before any of them runs; a migration that fails is part of what is returned, or raised, too
    (`raising`).
    """
    copy.touch()
    migrations = SqlMigrations(directory, copy)
    names, revision = [each.name for each in migrations.pending()], migrations.revision()
    watch = _Watch(copy)
    was = state_of(before) if before.exists() else NOTHING
    trial = _tried(
        copy, before, was, lambda: migrations.apply_pending(around=watch.around), watch, names, fast
    )
    if raising and watch.failure is not None:
        raise watch.failure
    if not names or watch.failure is not None:
        return trial
    return replace(trial, down=_down(trial, copy, before, was, directory, revision, fast))


def try_command(
    copy: Path, run: Callable[[], object], *, before: Path, name: str, fast: bool = False
) -> Trial:
    """The same for a runner of the project's own: `run` starts it on the copy, and raises `MobiusError` with what it
    said when it fails, which is part of what is returned."""
    watch = _Watch(copy)

    def up() -> None:
        with watch.around(None, None):
            run()

    return replace(_tried(copy, before, state_of(before), up, watch, [name], fast), opaque=True)


def _remove(database: Path) -> None:
    for suffix in ("", *COMPANIONS):
        Path(f"{database}{suffix}").unlink(missing_ok=True)


class _Watch:
    """Writes down each statement as it ran."""

    def __init__(self, copy: Path) -> None:
        self.probes = Probes(copy)
        self.seen: list[tuple[str, str, float, float, str]] = []
        self.names: set[str] = (
            set()
        )  # of all statements, in lower case: every table that one of them can mean
        self.failure: MobiusError | sqlite3.Error | None = None

    @contextlib.contextmanager
    def around(self, migration: Migration | None, statement: Statement | None) -> Iterator[None]:
        name = migration.name if migration else ""
        text = " ".join(statement.sql.split())[:400] if statement else "COMMIT" if migration else ""
        self.names |= _names_in(statement.sql) if statement else set()
        began, error = time.monotonic(), ""
        try:
            yield
        except (sqlite3.Error, MobiusError) as problem:
            error = str(problem)
            raise
        finally:
            self.seen.append((name, text, began, time.monotonic(), error))


def _tried(
    copy: Path,
    before: Path,
    was: State,
    up: Callable[[], object],
    watch: _Watch,
    names: list[str],
    fast: bool,
) -> Trial:
    began, problem = time.monotonic(), ""
    with watch.probes.looking():
        try:
            up()
        except (MobiusError, sqlite3.Error) as error:
            problem, watch.failure = str(error), error
    seconds = time.monotonic() - began
    becomes = _settled(copy)
    ran = _statements(watch, problem, names)
    return Trial(
        database="sqlite",
        version=sqlite3.sqlite_version,
        migrations=tuple(names),
        statements=_with_bytes(ran, changed_bytes(before, copy)),
        seconds=seconds,
        rows=rows_between(before, copy, was, becomes, touched=watch.names, only_touched=fast),
        schema_diff=schema_difference(was, becomes),
        broken_checks=tuple(sorted(becomes.broken - was.broken)),
        known=Known(small=frozenset(name for name, table in was.tables.items() if table.rows < SMALL_ROWS)),
    )


def _settled(copy: Path) -> State:
    """Everything in the one file, so that pages can be compared."""
    with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return state_of(copy)


def _statements(watch: _Watch, problem: str, names: list[str]) -> tuple[TrialStatement, ...]:
    found = []
    for name, text, began, ended, error in watch.seen:
        read_s, write_s = (each.longest(began, ended) for each in (watch.probes.reads, watch.probes.writes))
        who = "readers and writers" if read_s > FELT_S else "writers" if write_s > FELT_S else ""
        locks = (Locked("the database", who),) if who else ()
        took_s = ended - began
        found.append(
            TrialStatement(name or names[0], text or names[0], took_s, locks, (), 0, read_s, write_s, error)
        )
    if problem and not any(each.error for each in found):
        last = names[-1] if names else ""
        found.append(TrialStatement(last, last, 0.0, error=problem))
    return tuple(found)


def _with_bytes(ran: tuple[TrialStatement, ...], size: int) -> tuple[TrialStatement, ...]:
    """Pages are compared once, at the end: what was written belongs to the statement that took longest."""
    longest = max(range(len(ran)), key=lambda at: ran[at].seconds, default=0)
    return tuple(replace(each, wal_bytes=size) if at == longest else each for at, each in enumerate(ran))


def _names_in(text: str) -> set[str]:
    kinds = ("word", "quoted", "backtick")
    return {token.name.lower() for raw in statements(text) for token in raw.tokens if token.kind in kinds}


def _down(
    trial: Trial, copy: Path, before: Path, was: State, directory: Path, revision: str, fast: bool
) -> DownTrial:
    """The way down, on a copy of what the way up left, beside what was there before both."""
    scratch = copy.with_name(f"{copy.name}.down")
    try:
        try:
            shutil.copyfile(copy, scratch)
        except OSError as problem:
            return DownTrial(True, error=f"it could not be tried: {problem.strerror or problem}")
        migrations = SqlMigrations(directory, scratch)
        try:
            migrations.check_down(revision)
        except GateFailed:
            return DownTrial(False)
        began = time.monotonic()
        try:
            migrations.down(revision)
        except (MobiusError, sqlite3.Error) as error:
            return DownTrial(True, time.monotonic() - began, str(error))
        seconds = time.monotonic() - began
        then = _settled(scratch)
        touched = {rows.table.lower() for rows in trial.rows if rows.touched or rows.is_changed}
        rows = rows_between(before, scratch, was, then, touched=touched, only_touched=fast)
        narrower = [
            f"{name} lacks {', '.join(sorted(set(table.columns) - set(then.tables[name].columns)))}"
            for name, table in was.tables.items()
            if name in then.tables and set(table.columns) - set(then.tables[name].columns)
        ]
        differs = "; ".join(narrower) or _shapes_differ(was, then)
        return DownTrial(True, seconds, rows=rows, schema_differs=differs)
    finally:
        _remove(scratch)


def _shapes_differ(was: State, then: State) -> str:
    """Columns and objects, not how their SQL was written: ALTER TABLE writes it anew."""
    extra = sorted(then.tables.keys() - was.tables.keys())
    if extra:
        return f"{', '.join(extra)} stays"
    both = was.tables.keys() & then.tables.keys()  # what is gone is told by its rows
    wider = sorted(name for name in both if then.tables[name].columns != was.tables[name].columns)
    return f"the columns of {', '.join(wider)} differ" if wider else ""
