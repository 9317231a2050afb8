"""A rehearsal of migrations on a scratch database of PostgreSQL, with onlookers at every keyhole."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mobius.adapters.databases.postgres_address import Address, driver, first_line
from mobius.adapters.databases.postgres_programs import program
from mobius.adapters.trial import postgres_catalog as catalog
from mobius.adapters.trial.postgres_observers import LOCKS, PostgresProbes, Sampler, connection, strongest
from mobius.errors import MobiusError
from mobius.model.trial import DownTrial, Locked, Trial, TrialStatement
from mobius.rules.migrations.reading import statement_of
from mobius.rules.migrations.tokens import Raw, statements

HOLD_S = 2.0  # how long the reader of the queue run keeps its transaction open
MOST_PROBED = 4  # tables that are probed: each takes two sessions


@dataclass(frozen=True, slots=True)
class Script:
    """One migration as SQL. `transactional`: it runs in one transaction, together with all of its statements."""

    name: str
    up: str
    down: str | None = None
    transactional: bool = True


@dataclass(slots=True)
class _Seen:
    statements: list[TrialStatement] = field(default_factory=list)
    error: str = ""


def try_on_database(
    address: Address,
    scripts: Sequence[Script],
    *,
    fast: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Trial:
    """Runs the scripts on the database at `address`, which is ours to spoil and nobody else uses; copies of it (made by
    template) serve for what was there before, the queue run and the way down, and are gone at the end.

    `fast`: no queue run; checksums of the tables that a statement names, counts of the others. A migration that fails
    is part of what is returned. Raises `MobiusError` where the server does not let us look.
    """
    with _admin(address) as admin, contextlib.ExitStack() as stack:
        before = stack.enter_context(_copy(admin, address, "before"))
        with contextlib.closing(connection(before)) as db:
            known, was, tables = catalog.known_of(db), catalog.existing(db), catalog.relations(db)
            broken_before = catalog.broken_in(db)
            server = str(db.info.parameter_status("server_version"))
        touched = _named_in(scripts, tables)
        progress(f"running {len(scripts)} migration(s) on a copy")
        began = time.monotonic()
        seen = _run(address, scripts, [tables[name] for name in touched][:MOST_PROBED], was)
        seconds = time.monotonic() - began
        names = frozenset(tables[name].name for name in touched)
        with contextlib.closing(connection(before)) as old, contextlib.closing(connection(address)) as new:
            progress("comparing rows")
            rows = catalog.rows_between(old, new, touched=names, only_touched=fast)
            broken = catalog.broken_in(new) - broken_before
        trial = Trial(
            database="postgresql",
            version=server.split()[0],
            migrations=tuple(script.name for script in scripts),
            statements=tuple(seen.statements),
            seconds=seconds,
            rows=rows,
            schema_diff=_schema_difference(before, address),
            broken_checks=tuple(sorted(broken)),
            known=known,
        )
        if not seen.error:
            trial = replace(trial, down=_down(admin, address, before, scripts, names, fast))
        if not fast:
            progress("running them once more, behind an open query")
            waited_s = _queue(before, scripts, [tables[name] for name in touched][:MOST_PROBED])
            trial = replace(trial, queue_blocked_s=waited_s)
        return trial


@contextlib.contextmanager
def _admin(address: Address) -> Iterator[Any]:
    """A session on the server's own database, which can copy the others."""
    psycopg = driver()
    try:
        with contextlib.closing(connection(address.at("postgres"))) as db:
            yield db
    except psycopg.Error as error:
        raise MobiusError(
            f"the migrations could not be tried: {first_line(address.redact(str(error)))}",
            "the scratch server must let us make databases",
        ) from None


@contextlib.contextmanager
def _copy(admin: Any, address: Address, suffix: str) -> Iterator[Address]:
    """The whole database once more, by template: nobody may be connected to it meanwhile."""
    name = f"{address.database[:50]}_{suffix}"
    admin.execute(f"DROP DATABASE IF EXISTS {catalog.quoted(name)} WITH (FORCE)")
    _end_sessions(admin, address.database)
    admin.execute(f"CREATE DATABASE {catalog.quoted(name)} TEMPLATE {catalog.quoted(address.database)}")
    try:
        yield address.at(name)
    finally:
        admin.execute(f"DROP DATABASE IF EXISTS {catalog.quoted(name)} WITH (FORCE)")


def _end_sessions(admin: Any, database: str) -> None:
    """Those that a pool or an onlooker left; waits until they are gone."""
    query = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
    admin.execute(query + " AND pid <> pg_backend_pid()", (database,))


def _named_in(scripts: Sequence[Script], tables: dict[str, catalog.Relation]) -> list[str]:
    """The tables that a statement names, in the order in which they are named first."""
    names = [
        token.name
        for script in scripts
        for raw in statements(script.up)
        for token in raw.tokens
        if token.kind in ("word", "quoted")
    ]
    by_name: dict[str, list[str]] = {}
    for shown, relation in tables.items():
        by_name.setdefault(relation.name, []).append(shown)
    return list(dict.fromkeys(shown for name in names for shown in by_name.get(name, ())))


def _run(
    address: Address, scripts: Sequence[Script], tables: Sequence[catalog.Relation], was: dict[int, str]
) -> _Seen:
    """All of them, in a session that is watched."""
    psycopg = driver()
    seen = _Seen()
    with contextlib.closing(connection(address)) as db:
        sampler, probes = Sampler(address, db.info.backend_pid), PostgresProbes(address, tables)
        timed: list[tuple[int, float, float]] = []
        with sampler.looking(), probes.looking():
            for script in scripts:
                try:
                    _script(db, script, sampler, was, seen, timed)
                except psycopg.Error as error:
                    seen.error = first_line(str(error))
                    break
    for at, began, ended in timed:
        read_s, write_s = probes.longest(began, ended)
        seen.statements[at] = replace(seen.statements[at], read_blocked_s=read_s, write_blocked_s=write_s)
    return seen


def _script(
    db: Any,
    script: Script,
    sampler: Sampler,
    was: dict[int, str],
    seen: _Seen,
    timed: list[tuple[int, float, float]],
) -> None:
    wraps = script.transactional and not _has_own_transaction(script.up)
    if wraps:
        db.execute("BEGIN")
    try:
        for raw in statements(script.up):
            _statement(db, script, raw, sampler, was, seen, timed)
        if wraps:
            began = time.monotonic()
            db.execute("COMMIT")
            timed.append((len(seen.statements), began, time.monotonic()))
            seen.statements.append(TrialStatement(script.name, "COMMIT", time.monotonic() - began))
    except BaseException:
        with contextlib.suppress(driver().Error):
            db.execute("ROLLBACK")
        raise


def _has_own_transaction(text: str) -> bool:
    kinds = {statement_of(raw, text).kind for raw in statements(text)}
    return "begin" in kinds


def _statement(
    db: Any,
    script: Script,
    raw: Raw,
    sampler: Sampler,
    was: dict[int, str],
    seen: _Seen,
    timed: list[tuple[int, float, float]],
) -> None:
    sql = script.up[raw.start : raw.end]
    shown = " ".join(sql.split())[:400]
    files, wal = _files_and_log(db)
    sampler.taken()
    began = time.monotonic()
    try:
        db.execute(sql, prepare=False)
    except driver().Error as error:
        ended = time.monotonic()
        seen.statements.append(
            TrialStatement(script.name, shown, ended - began, error=first_line(str(error)))
        )
        raise
    ended = time.monotonic()
    locks = sampler.taken()
    in_transaction = db.info.transaction_status == driver().pq.TransactionStatus.INTRANS
    if in_transaction:
        for relation, mode in db.execute(LOCKS, (db.info.backend_pid,)).fetchall():
            locks[relation] = strongest(locks.get(relation, ""), mode)
    later, log = _files_and_log(db)
    rewrites = tuple(name for name in sorted(files) if later.get(name, files[name]) != files[name])
    held = tuple(Locked(was[oid], mode) for oid, mode in sorted(locks.items()) if oid in was)
    timed.append((len(seen.statements), began, ended))
    seen.statements.append(
        TrialStatement(script.name, shown, ended - began, held, rewrites, max(0, log - wal))
    )


def _files_and_log(db: Any) -> tuple[dict[str, int], int]:
    wal = db.execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint").fetchone()[0]
    return catalog.files(db), int(wal)


def _schema_difference(before: Address, after: Address) -> str:
    return catalog.difference(_schema(before), _schema(after))


def _schema(address: Address) -> tuple[str, ...]:
    with contextlib.closing(connection(address)) as db:
        major = db.info.server_version // 10_000
    return catalog.schema_of(
        str(program("pg_dump", major).path), address.conninfo(), address.environment(os.environ)
    )


def _down(
    admin: Any,
    address: Address,
    before: Address,
    scripts: Sequence[Script],
    touched: frozenset[str],
    fast: bool,
) -> DownTrial:
    """The way down on a copy of what the way up left, beside what was there before both."""
    if not scripts or any(script.down is None for script in scripts):
        return DownTrial(False)
    psycopg = driver()
    with _copy(admin, address, "down") as copy, contextlib.closing(connection(copy)) as db:
        began = time.monotonic()
        try:
            for script in reversed(scripts):
                text = script.down or ""
                with (
                    db.transaction()
                    if script.transactional and not _has_own_transaction(text)
                    else contextlib.nullcontext()
                ):
                    for raw in statements(text):
                        db.execute(text[raw.start : raw.end], prepare=False)
        except psycopg.Error as error:
            return DownTrial(True, time.monotonic() - began, first_line(str(error)))
        seconds = time.monotonic() - began
        with contextlib.closing(connection(before)) as old:
            rows = catalog.rows_between(old, db, touched=touched, only_touched=fast)
            narrower = _narrower(old, db)
        differs = narrower or "; ".join(_schema_difference(before, copy).splitlines()[:3])
        return DownTrial(True, seconds, rows=rows, schema_differs=differs)


def _narrower(old: Any, new: Any) -> str:
    was, then = catalog.relations(old), catalog.relations(new)
    found = []
    for shown, relation in was.items():
        if shown in then:
            gone = set(catalog.columns_of(old, relation)) - set(catalog.columns_of(new, then[shown]))
            found += [f"{shown} lacks {', '.join(sorted(gone))}"] if gone else []
    return "; ".join(found)


def _queue(address: Address, scripts: Sequence[Script], tables: Sequence[catalog.Relation]) -> float | None:
    """Once more while somebody keeps a query open for two seconds: how long readers wait behind the migration that
    waits. None where no table that was there is touched."""
    if not tables:
        return None
    probes = PostgresProbes(address, tables)
    with contextlib.closing(connection(address)) as reader:
        reader.execute("BEGIN")
        for table in tables:
            reader.execute(f"SELECT 1 FROM {table.quoted} LIMIT 1")
        runner = threading.Thread(target=_quietly, args=(address, scripts), daemon=True)
        began = time.monotonic()
        with probes.looking():
            runner.start()
            runner.join(HOLD_S)
            let_go = time.monotonic()
            reader.execute("ROLLBACK")
            runner.join()
        return probes.longest(began, let_go)[0]


def _quietly(address: Address, scripts: Sequence[Script]) -> None:
    """What a lock_timeout ends is ended: that is what it is for."""
    psycopg = driver()
    with contextlib.suppress(psycopg.Error), contextlib.closing(connection(address)) as db:
        for script in scripts:
            wraps = script.transactional and not _has_own_transaction(script.up)
            with db.transaction() if wraps else contextlib.nullcontext():
                for raw in statements(script.up):
                    db.execute(script.up[raw.start : raw.end], prepare=False)
