"""A rehearsal of migrations on copies of an SQLite database, with nothing but the standard library."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from mobius.adapters.migrations.source import Change, MigrationSource, Runner, Target
from mobius.adapters.trial.sqlite_broken import newly_broken
from mobius.adapters.trial.sqlite_copies import copied, in_one_file, settled
from mobius.adapters.trial.sqlite_pages import Owners, pages_between
from mobius.adapters.trial.sqlite_rows import rows_between
from mobius.adapters.trial.sqlite_state import (
    NOTHING,
    State,
    Table,
    narrower,
    schema_difference,
    shapes_differ,
    state_of,
)
from mobius.adapters.trial.sqlite_watch import Watch, names_in
from mobius.adapters.trial.tried import Tried
from mobius.errors import MobiusError
from mobius.model.linting import Known
from mobius.model.trial import DownTrial, Trial, TrialStatement

SMALL_ROWS = 10_000
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
    within_s: float

    def at(self, path: Path) -> Target:
        return Target("sqlite", path=path)


@contextlib.contextmanager
def tried_on_sqlite(
    source: MigrationSource,
    root: Path,
    scratch: Target,
    *,
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
        bench = _Bench(source, root, restored, migrated, runner, within_s)
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
    watch = Watch(bench.migrated)
    seconds, error = _run(bench, watch, progress)
    settled(bench.migrated)
    versions = [change.version or change.name for change in changes]
    goes_down = not error and bench.source.can_go_down(bench.root, versions)
    progress("comparing rows" + (", and trying the way down" if goes_down else ""))
    pages = pages_between(bench.scratch, bench.migrated)
    owners = Owners(bench.scratch, sorted(was.tables, key=lambda name: was.tables[name].rows))
    becomes = state_of(bench.migrated, was, lambda name: owners.are_as_they_were([name], pages))
    named = watch.names | _named_in(changes)
    if bench.source.opaque and not named:
        # Nothing is known of what it meant to do: only rows that are gone are strange.
        named = {name for name, table in was.tables.items() if _has_as_many(table, becomes.tables.get(name))}
    with ThreadPoolExecutor(1) as beside:
        going = beside.submit(_down, bench, versions, was, named, owners) if goes_down else None
        trial = replace(
            trial,
            statements=_with_bytes(watch.statements(error, _called(changes)), pages.written_bytes),
            seconds=seconds,
            rows=rows_between(
                bench.scratch, bench.migrated, was, becomes, pages=pages, owners=owners, touched=named
            ),
            schema_diff=schema_difference(was, becomes),
            broken_checks=newly_broken(
                owners,
                bench.migrated,
                was,
                becomes,
                pages,
                as_declared=not bench.source.opaque and "writable_schema" not in named,
            ),
        )
        return replace(trial, down=going.result()) if going else trial


def _has_as_many(was: Table, then: Table | None) -> bool:
    return then is not None and then.rows >= was.rows


def _run(bench: _Bench, watch: Watch, progress: Callable[[str], None]) -> tuple[float, str]:
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
            return seconds, problem.message
    return time.monotonic() - began, ""


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


def _down(
    bench: _Bench, versions: Sequence[str], was: State, named: Collection[str], owners: Owners
) -> DownTrial:
    """The way down, on a copy of what the way up left, beside what was there before both."""
    try:
        with copied(bench.migrated, bench.migrated.parent, "down") as scratch:
            began = time.monotonic()
            try:
                target = replace(bench.at(scratch), done_by=began + bench.within_s)
                bench.source.down(bench.root, target, versions, runner=bench.runner)
            except MobiusError as error:
                return DownTrial(True, time.monotonic() - began, error.message)
            seconds = time.monotonic() - began
            settled(scratch)
            pages = pages_between(bench.scratch, scratch)
            then = state_of(scratch, was, lambda name: owners.are_as_they_were([name], pages))
            rows = rows_between(bench.scratch, scratch, was, then, pages=pages, owners=owners, touched=named)
            differs = narrower(was, then) or shapes_differ(was, then)
            return DownTrial(True, seconds, rows=rows, schema_differs=differs)
    except OSError as problem:
        return DownTrial(True, error=f"it could not be tried: {problem.strerror or problem}")
