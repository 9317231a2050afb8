"""A rehearsal of migrations on copies of an SQLite database, with nothing but the standard library."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mobius.adapters.migrations.source import Change, MigrationSource, Runner, Statement, Target
from mobius.adapters.trial.probes import Probes
from mobius.adapters.trial.sqlite_copies import copied, in_one_file, settled
from mobius.adapters.trial.sqlite_state import (
    NOTHING,
    State,
    Table,
    changed_bytes,
    narrower,
    newly_broken,
    rows_between,
    schema_difference,
    shapes_differ,
    state_of,
)
from mobius.adapters.trial.tried import Tried
from mobius.errors import MobiusError
from mobius.model.linting import Known
from mobius.model.trial import DownTrial, Locked, Rows, Trial, TrialStatement
from mobius.rules.migrations.tokens import statements

SMALL_ROWS = 10_000
FELT_S = 0.0005
FILE_BYTES = 1 << 20  # of a migration that is a program: more is not looked through for names
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class _Bench:
    """What a trial works with. `scratch` stays as it was restored, or is not there: before the first deployment."""

    source: MigrationSource
    root: Path
    scratch: Path
    migrated: Path
    runner: Runner | None
    fast: bool
    within_s: float

    def at(self, path: Path) -> Target:
        return Target("sqlite", path=path)


@contextlib.contextmanager
def tried_on_sqlite(
    source: MigrationSource,
    root: Path,
    scratch: Target,
    *,
    fast: bool,
    runner: Runner | None,
    place: Path,
    progress: Callable[[str], None],
    within_s: float,
) -> Iterator[Tried]:
    """What `mobius.adapters.trial.trying.tried` promises, for SQLite."""
    assert scratch.path is not None
    with contextlib.ExitStack() as stack:
        restored = stack.enter_context(in_one_file(scratch.path, place))
        migrated = stack.enter_context(copied(restored, place, "migrated"))
        bench = _Bench(source, root, restored, migrated, runner, fast, within_s)
        trial = _tried(bench, source.pending(root, bench.at(migrated), runner=runner), progress)
        settled(migrated)

        @contextlib.contextmanager
        def copy(name: str) -> Iterator[Target]:
            with copied(migrated, place, name) as path:
                yield bench.at(path)

        yield Tried(trial, copy)


def _tried(bench: _Bench, changes: Sequence[Change], progress: Callable[[str], None]) -> Trial:
    was = state_of(bench.scratch) if bench.scratch.exists() else NOTHING
    names = tuple(change.name for change in changes)
    small = frozenset(name for name, table in was.tables.items() if table.rows < SMALL_ROWS)
    trial = Trial(
        "sqlite", sqlite3.sqlite_version, names, known=Known(small=small), opaque=bench.source.opaque
    )
    if not changes:
        return trial
    progress(f"running {len(changes)} migration(s) on a copy")
    watch = _Watch(bench.migrated)
    seconds, error = _run(bench, watch, progress)
    progress("comparing rows")
    settled(bench.migrated)
    becomes = state_of(bench.migrated)
    named = watch.names | _named_in(changes)
    if bench.source.opaque and not named:
        # Nothing is known of what it meant to do: only rows that are gone are strange.
        named = {name for name, table in was.tables.items() if _has_as_many(table, becomes.tables.get(name))}
    rows = rows_between(bench.scratch, bench.migrated, was, becomes, touched=named, only_touched=bench.fast)
    trial = replace(
        trial,
        statements=_with_bytes(
            watch.statements(error, _called(changes)), changed_bytes(bench.scratch, bench.migrated)
        ),
        seconds=seconds,
        rows=rows,
        schema_diff=schema_difference(was, becomes),
        broken_checks=newly_broken(bench.scratch, bench.migrated),
    )
    versions = [change.version or change.name for change in changes]
    if error or not bench.source.can_go_down(bench.root, versions):
        return trial
    progress("trying the way down")
    return replace(trial, down=_down(bench, versions, was, rows))


def _has_as_many(was: Table, then: Table | None) -> bool:
    return then is not None and then.rows >= was.rows


def _run(bench: _Bench, watch: _Watch, progress: Callable[[str], None]) -> tuple[float, str]:
    """All of them: how long it took, and what went wrong."""
    target, began = bench.at(bench.migrated), time.monotonic()
    with watch.probes.looking(), watch.ended_after(bench.within_s):
        began = time.monotonic()
        try:
            with watch.whole(bench.source.opaque):
                bench.source.apply(
                    bench.root, target, progress=progress, runner=bench.runner, around=watch.around
                )
        except MobiusError as problem:
            seconds = time.monotonic() - began
            if watch.is_over:
                return seconds, f"it was not done in {bench.within_s:g} s, and was ended: {watch.running}"
            return seconds, "; ".join([problem.message, *problem.details])
    return time.monotonic() - began, ""


@dataclass(slots=True)
class _Ran:
    migration: str
    text: str
    began: float
    ended: float
    error: str


@dataclass(slots=True)
class _Watch:
    """Writes down each statement as it ran; ends what is not done in time."""

    copy: Path
    probes: Probes = field(init=False)
    ran: list[_Ran] = field(default_factory=list)
    names: set[str] = field(default_factory=set)  # of all statements, in lower case
    running: str = ""
    is_over: bool = False
    connection: Any = None

    def __post_init__(self) -> None:
        self.probes = Probes(self.copy)

    @contextlib.contextmanager
    def around(self, change: Change, statement: Statement | None, connection: Any) -> Iterator[None]:
        """See `mobius.adapters.migrations.source.Around`."""
        self.running = " ".join(statement.sql.split())[:400] if statement else "COMMIT"
        self.names |= names_in(statement.sql) if statement else set()
        self.connection = connection
        with self._timed(change.name, self.running):
            yield
        self.connection = None

    @contextlib.contextmanager
    def whole(self, opaque: bool) -> Iterator[None]:
        """A program's run is one statement: nobody can look into it."""
        with self._timed("", "") if opaque else contextlib.nullcontext():
            yield

    @contextlib.contextmanager
    def _timed(self, migration: str, text: str) -> Iterator[None]:
        began, error = time.monotonic(), ""
        try:
            yield
        except (sqlite3.Error, MobiusError) as problem:
            cause = problem.__cause__ if isinstance(problem.__cause__, sqlite3.Error) else problem
            error = cause.message if isinstance(cause, MobiusError) else str(cause)
            raise
        finally:
            self.ran.append(_Ran(migration, text, began, time.monotonic(), error))

    @contextlib.contextmanager
    def ended_after(self, within_s: float) -> Iterator[None]:
        """Interrupts the statement that runs when the time is up, and those after it."""
        done = threading.Event()

        def end() -> None:
            left_s = within_s
            while not done.wait(left_s):
                self.is_over, left_s = True, 0.1
                if self.connection is not None:
                    self.connection.interrupt()

        thread = threading.Thread(target=end, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def statements(self, problem: str, called: str) -> list[TrialStatement]:
        """What ran, with what users would have felt of it."""
        found = []
        for each in self.ran:
            waits = (self.probes.reads, self.probes.writes)
            read_s, write_s = (wait.longest(each.began, each.ended) for wait in waits)
            who = "readers and writers" if read_s > FELT_S else "writers" if write_s > FELT_S else ""
            locks = (Locked("the database", who),) if who else ()
            name, text, took_s = each.migration or called, each.text or called, each.ended - each.began
            error = problem if each.error and self.is_over else each.error
            found.append(TrialStatement(name, text, took_s, locks, (), 0, read_s, write_s, error))
        if problem and not any(each.error for each in found):
            found.append(TrialStatement(called, called, 0.0, error=problem))
        return found


def _called(changes: Sequence[Change]) -> str:
    first, last = changes[0].name, changes[-1].name
    return first if first == last else f"{first} … {last}"


def _named_in(changes: Sequence[Change]) -> set[str]:
    """Every word of a migration that is a program may be a table: nobody sees its statements."""
    found: set[str] = set()
    for change in changes:
        if change.up is not None:
            found |= names_in(change.up)
        for path in _files_of(change) if change.opaque else ():
            with contextlib.suppress(OSError), path.open("rb") as file:
                text = file.read(FILE_BYTES).decode("utf-8", "replace")
            words = {word.lower() for word in _WORD.findall(text)}
            label = path.parent.parent.name.lower()
            found |= words | {f"{label}_{word}" for word in words}  # as Django calls the table of a model
    return found


def _files_of(change: Change) -> list[Path]:
    """Its file; or, where a command gave its name alone, those that are called so."""
    if change.path.is_file():
        return [change.path]
    return [path for path in change.path.glob("*") if path.is_file() and path.name.startswith(change.name)]


def _with_bytes(ran: Sequence[TrialStatement], size: int) -> tuple[TrialStatement, ...]:
    """Pages are compared once, at the end: what was written belongs to the statement that took longest."""
    longest = max(range(len(ran)), key=lambda at: ran[at].seconds, default=0)
    return tuple(replace(each, wal_bytes=size) if at == longest else each for at, each in enumerate(ran))


def names_in(text: str) -> set[str]:
    """Every name of a text of SQL, in lower case."""
    kinds = ("word", "quoted", "backtick")
    return {token.name.lower() for raw in statements(text) for token in raw.tokens if token.kind in kinds}


def _down(bench: _Bench, versions: Sequence[str], was: State, up: Sequence[Rows]) -> DownTrial:
    """The way down, on a copy of what the way up left, beside what was there before both."""
    try:
        with copied(bench.migrated, bench.migrated.parent, "down") as scratch:
            began = time.monotonic()
            try:
                bench.source.down(bench.root, bench.at(scratch), versions, runner=bench.runner)
            except MobiusError as error:
                return DownTrial(True, time.monotonic() - began, error.message)
            seconds = time.monotonic() - began
            settled(scratch)
            then = state_of(scratch)
            touched = {rows.table.lower() for rows in up if rows.touched or rows.is_changed}
            rows = rows_between(bench.scratch, scratch, was, then, touched=touched, only_touched=bench.fast)
            differs = narrower(was, then) or shapes_differ(was, then)
            return DownTrial(True, seconds, rows=rows, schema_differs=differs)
    except OSError as problem:
        return DownTrial(True, error=f"it could not be tried: {problem.strerror or problem}")
