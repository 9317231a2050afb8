"""A rehearsal of migrations on copies of a scratch database of PostgreSQL, with onlookers at every keyhole.

What it cannot tell: a copy is idle and lies in memory, so nobody else's locks are in the way (the queue run makes up
for one of them), a cold cache reads longer, and there are no replicas that fall behind.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from mobius.adapters.databases.postgres_address import Address, driver, in_plain_words
from mobius.adapters.databases.postgres_programs import program
from mobius.adapters.migrations.source import Change, MigrationSource, Runner, Target
from mobius.adapters.trial import postgres_catalog as catalog
from mobius.adapters.trial.postgres_copies import Copies, copies_of, onlooker
from mobius.adapters.trial.postgres_looking import Before, Onlookers, Watched, before, ended_after, named_in
from mobius.adapters.trial.postgres_observers import WRITING
from mobius.adapters.trial.postgres_queue import LOCK_TIMEOUT_S, Queued, queued
from mobius.adapters.trial.postgres_rows import Compared
from mobius.adapters.trial.postgres_shapes import narrower, shapes_of
from mobius.adapters.trial.postgres_written import transaction_now
from mobius.adapters.trial.tried import Tried
from mobius.errors import MobiusError
from mobius.model.trial import DownTrial, Trial, TrialStatement

_DOING = "the migrations could not be tried"


@dataclass(frozen=True, slots=True)
class _Bench:
    """What a trial works with. `scratch` stays as it was restored; `migrated` is the copy that they run on."""

    source: MigrationSource
    root: Path
    scratch: Target
    migrated: Address
    copies: Copies
    runner: Runner | None
    fast: bool
    within_s: float
    handed_on: bool

    def at(self, address: Address) -> Target:
        """What migrations run on: as the plain role, and at once or not at all."""
        return replace(self.scratch, address=self.copies.tried_as(address), retry_within_s=0.0)


@contextlib.contextmanager
def tried_on_postgres(
    source: MigrationSource,
    root: Path,
    scratch: Target,
    *,
    fast: bool,
    runner: Runner | None,
    progress: Callable[[str], None],
    within_s: float,
    live_version: str,
    handed_on: bool,
) -> Iterator[Tried]:
    """What `mobius.adapters.trial.trying.tried` promises, for PostgreSQL."""
    address = scratch.address
    assert address is not None
    with contextlib.ExitStack() as stack:
        copies = stack.enter_context(copies_of(address))
        queue = None if fast else stack.enter_context(copies.copy("queue"))
        migrated = stack.enter_context(copies.copy("migrated"))
        bench = _Bench(source, root, scratch, migrated, copies, runner, fast, within_s, handed_on)
        changes = source.pending(root, bench.at(migrated), runner=runner)
        trial = _tried(bench, changes, queue, progress)
        trial = replace(trial, warnings=(*trial.warnings, *_another(trial.version, live_version)))
        copies.end_sessions(migrated.database)

        @contextlib.contextmanager
        def copy(name: str) -> Iterator[Target]:
            assert handed_on, "the way down ran on it"
            with copies.copy(name, migrated) as copied:
                yield bench.at(copied)

        yield Tried(trial, copy)


def _tried(
    bench: _Bench, changes: Sequence[Change], queue: Address | None, progress: Callable[[str], None]
) -> Trial:
    address = bench.scratch.address
    assert address is not None
    # While this session is there nobody can drop the scratch database.
    with in_plain_words(address, _DOING), contextlib.closing(onlooker(address)) as old:
        trial = Trial(
            "postgresql",
            str(old.info.parameter_status("server_version")).split()[0],
            tuple(change.name for change in changes),
            known=catalog.known_of(old),
            opaque=bench.source.opaque,
        )
        if not changes:
            return trial
        there, was_broken, since = before(old), catalog.broken_in(old), transaction_now(old)
        progress(f"running {len(changes)} migration(s) on a copy")
        seen, seconds, error = _run(bench, changes, there, progress)
        trial = replace(
            trial,
            statements=tuple(_with(error, seen, changes)),
            seconds=seconds,
            warnings=tuple(seen.warnings),
        )
        named = {there.tables[name].name for name in named_in([*seen.texts, *_said(changes)], there)}
        progress("comparing rows" + ("" if error else ", and trying the way down"))
        locks = (lock for each in trial.statements for lock in each.locks if lock.mode in WRITING)
        written = {there.tables[lock.relation].name for lock in locks if lock.relation in there.tables}
        compared = Compared(old, named, written, bench.fast, since)
        versions = [change.version or change.name for change in changes]
        with ThreadPoolExecutor(1) as beside:
            waiting = None
            if queue and not error:
                waiting = beside.submit(_queued, bench, queue, trial, there)
                if bench.source.opaque:
                    waiting.result()  # a program of the project's own is never started twice at a time
            trial = _compared(bench, trial, compared, was_broken, versions if not error else [])
            if waiting is not None and (behind := waiting.result()) is not None:
                trial = replace(trial, queue_blocked_s=behind.seconds, gives_way=behind.gave_way)
            return trial


def _another(tried_on: str, live: str) -> list[str]:
    """A server of another major version has other locks, and other ways to do the same."""
    if not live or live.split(".")[0] == tried_on.split(".")[0]:
        return []
    return [f"tried on PostgreSQL {tried_on}, while the live server has {live}: locks and times may differ"]


def _run(
    bench: _Bench, changes: Sequence[Change], there: Before, progress: Callable[[str], None]
) -> tuple[Watched, float, str]:
    """All of them, watched: what was seen, how long it took, and what went wrong."""
    onlookers = Onlookers(bench.migrated, bench.copies, there, opaque=bench.source.opaque)
    error, began = "", time.monotonic()
    with onlookers.looking(named_in(_said(changes), there), within_s=bench.within_s):
        began = time.monotonic()
        try:
            bench.source.apply(
                bench.root,
                bench.at(bench.migrated),
                progress=progress,
                runner=bench.runner,
                around=onlookers.around,
            )
        except MobiusError as problem:
            error = problem.message
        seconds = time.monotonic() - began
        if onlookers.is_over:
            error = f"it was not done in {bench.within_s:g} s, and was ended: {onlookers.running}"
    return onlookers.conclude(_called(changes)), seconds, error


def _with(error: str, seen: Watched, changes: Sequence[Change]) -> list[TrialStatement]:
    """The statements; what went wrong is the last one's, where none says it itself."""
    found = list(seen.statements)
    at = next((at for at, each in enumerate(found) if each.error), None)
    if error and at is None:
        found.append(TrialStatement(_called(changes), _called(changes), 0.0, error=error))
    elif error and at is not None and "was ended" in error:
        found[at] = replace(found[at], error=error)
    return found


def _called(changes: Sequence[Change]) -> str:
    first, last = changes[0].name, changes[-1].name
    return first if first == last else f"{first} … {last}"


def _said(changes: Sequence[Change]) -> list[str]:
    return [change.up for change in changes if change.up is not None]


def _compared(
    bench: _Bench, trial: Trial, compared: Compared, was_broken: frozenset[str], versions: Sequence[str]
) -> Trial:
    """Rows and schemas beside those of before; then the way down (`versions`: none where there is nothing to take
    back), and the same of what it leaves."""
    scratch, migrated = bench.scratch.address, bench.migrated
    assert scratch is not None
    all_gone = _are_all_gone(bench, migrated)
    with ThreadPoolExecutor(2) as looking:
        schema = looking.submit(_schema, bench, scratch)
        becomes = looking.submit(_schema, bench, migrated)
        with contextlib.closing(onlooker(migrated)) as new:
            trial = replace(
                trial,
                rows=compared.rows(new, all_gone=all_gone),
                broken_checks=tuple(sorted(catalog.broken_in(new) - was_broken)),
                schema_diff=catalog.difference(schema.result(), becomes.result()),
            )
        if not versions or not bench.source.can_go_down(bench.root, versions):
            return trial
        copied = bench.copies.copy("down", migrated) if bench.handed_on else contextlib.nullcontext(migrated)
        with copied as down:
            seconds, error = _go_down(bench, down, versions)
            if error:
                return replace(trial, down=DownTrial(True, seconds, error))
            all_gone = _are_all_gone(bench, down)
            back = looking.submit(_schema, bench, down)
            with contextlib.closing(onlooker(down)) as new:
                rows, lacking = compared.rows(new, all_gone=all_gone), narrower(compared.was, shapes_of(new))
            differs = lacking or catalog.in_short(catalog.difference(schema.result(), back.result()))
            return replace(trial, down=DownTrial(True, seconds, rows=rows, schema_differs=differs))


def _are_all_gone(bench: _Bench, copy: Address) -> bool:
    """Ends what sessions are left there. Whether all are known to be gone, so that the server counted what they wrote;
    only a fast trial asks it."""
    if bench.fast:
        with contextlib.suppress(driver().Error):
            return bench.copies.end_sessions(copy.database)
    return False


def _schema(bench: _Bench, address: Address) -> tuple[str, ...]:
    major = bench.copies.admin.info.server_version // 10_000
    return catalog.schema_of(
        str(program("pg_dump", major).path), address.conninfo(), address.environment(os.environ)
    )


def _go_down(bench: _Bench, copy: Address, versions: Sequence[str]) -> tuple[float, str]:
    began = time.monotonic()
    try:
        with ended_after(bench.within_s, lambda: bench.copies.end_sessions(copy.database)):
            bench.source.down(bench.root, bench.at(copy), versions, runner=bench.runner)
    except MobiusError as problem:
        took = time.monotonic() - began
        was_ended = f"it was not done in {bench.within_s:g} s, and was ended: "
        return took, (was_ended if took >= bench.within_s else "") + problem.message
    return time.monotonic() - began, ""


def _queued(bench: _Bench, queue: Address, trial: Trial, there: Before) -> Queued | None:
    live_s = bench.scratch.lock_timeout_s
    target = replace(bench.at(queue), lock_timeout_s=min(live_s, LOCK_TIMEOUT_S))

    def again() -> None:
        with contextlib.suppress(MobiusError):  # what a lock_timeout ends is ended: that is what it is for
            bench.source.apply(bench.root, target, progress=lambda _: None, runner=bench.runner)

    seen = queued(bench.copies, queue, again, trial, there, within_s=bench.within_s)
    return seen.live(live_s) if seen else None
