"""Everybody who looks on at one run of migrations on a copy, and what they saw of it: its statements."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mobius.adapters.databases.postgres_address import Address, driver, first_line
from mobius.adapters.migrations.source import Change, Statement
from mobius.adapters.trial import postgres_catalog as catalog
from mobius.adapters.trial.postgres_copies import Copies, onlooker
from mobius.adapters.trial.postgres_events import events_of, install, remove
from mobius.adapters.trial.postgres_observers import MODES, Sampler, strongest
from mobius.adapters.trial.postgres_probes import PostgresProbes
from mobius.adapters.trial.postgres_statements import locked, shown, statements_of
from mobius.errors import MobiusError
from mobius.model.trial import TrialStatement
from mobius.rules.migrations.tokens import statements

MOST_PROBED = 4  # tables that are probed: each takes two sessions
_WORTH_A_PROBE = MODES[MODES.index("ShareUpdateExclusiveLock") :]
_HELD = (
    "SELECT relation, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted"
)
_WRITTEN = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
_INDEXES = """
SELECT i.relname, n.nspname, t.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace WHERE n.nspname !~ '^pg_'"""


@dataclass(frozen=True, slots=True)
class Before:
    """What was there: tables by the name they are shown with, names of all relations by oid."""

    tables: Mapping[str, catalog.Relation]
    was: Mapping[int, str]
    files: Mapping[str, int]
    belonging: Mapping[str, str]  # the table of each index


@dataclass(slots=True)
class Watched:
    """What was seen of one run."""

    statements: list[TrialStatement] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)  # of all statements, whole
    warnings: list[str] = field(default_factory=list)


def before(db: Any) -> Before:
    """Looks at the database that `db` is connected to."""
    belonging = {
        (index if schema == "public" else f"{schema}.{index}"): table
        if schema == "public"
        else f"{schema}.{table}"
        for index, schema, table in db.execute(_INDEXES).fetchall()
    }
    return Before(catalog.relations(db), catalog.existing(db), catalog.files(db), belonging)


def named_in(texts: Sequence[str], there: Before) -> list[str]:
    """The tables that a statement names, in the order in which they are named first."""
    names = dict.fromkeys(
        token.name
        for text in texts
        for raw in statements(text)
        for token in raw.tokens
        if token.kind in ("word", "quoted")
    )
    by_name: dict[str, list[str]] = {}
    for table, relation in there.tables.items():
        by_name.setdefault(relation.name, []).append(table)
    return [table for name in names for table in by_name.get(name, ())]


class Onlookers:
    """They look on at everything that others do in the database at `address`, while inside of `looking`; at statements
    that we run ourselves by `around` (`mobius.adapters.migrations.source.Around`)."""

    def __init__(self, address: Address, copies: Copies, there: Before, *, opaque: bool) -> None:
        self._address, self._copies, self._there, self._opaque = address, copies, there, opaque
        self._probes = PostgresProbes(address, MOST_PROBED)
        self._sampler = Sampler(address, queries=opaque, on_lock=self._on_lock)
        self._timed: list[tuple[float, float]] = []
        self._quoted = {relation.oid: relation.quoted for relation in there.tables.values()}
        self._running = self._migration = ""
        self.seen = Watched()
        self.is_over = False  # whether the time was up

    @contextlib.contextmanager
    def looking(self, tables: list[str], *, within_s: float) -> Iterator[Onlookers]:
        """`tables` are probed from the start where nobody says what runs, others when they are locked; whoever is not
        done in time is ended."""
        with contextlib.ExitStack() as stack:
            if self._opaque:
                with contextlib.closing(onlooker(self._address)) as db:
                    relations = list(self._there.tables.values())
                    self.seen.warnings += install(db, relations, powerful=self._copies.powerful)
            stack.enter_context(self._probes.looking())
            if self._opaque:
                self._probe(tables[:MOST_PROBED])
            stack.enter_context(self._sampler.looking())
            with ended_after(within_s, self._end):
                yield self

    def conclude(self, migration: str) -> Watched:
        """Once nobody runs any more: what was seen. `migration`: what the statements of a program belong to. Takes
        everything of ours out of the database."""
        seen = self.seen
        if self._opaque:
            with contextlib.closing(onlooker(self._address)) as db:
                events, files = events_of(db), catalog.files(db)
                remove(db)
            changed = [name for name, file in self._there.files.items() if files.get(name, file) != file]
            queries = self._sampler.done
            seen.texts += [event.query for event in events] + [query.text for query in queries]
            seen.statements += statements_of(
                events, queries, was=self._there.was, belonging=self._there.belonging, rewritten=changed,
                migration=migration, waits=self._waits,
            )  # fmt: skip
            return seen
        for at, (began, ended) in enumerate(self._timed):
            read_s, write_s = self._probes.longest(began, ended)
            seen.statements[at] = replace(seen.statements[at], read_blocked_s=read_s, write_blocked_s=write_s)
        return seen

    @property
    def running(self) -> str:
        """What runs just now, or ran last."""
        return self._running or shown(self._sampler.last)

    @contextlib.contextmanager
    def around(self, change: Change, statement: Statement | None, connection: Any) -> Iterator[None]:
        """Notes one statement of ours with its locks, rewrites and log."""
        text = "COMMIT" if statement is None else shown(statement.sql)
        self._running = text
        if change.name != self._migration:  # with the one before it, its locks went
            self._migration = change.name
            self._probes.leave()
        if statement is not None:
            self.seen.texts.append(statement.sql)
            self._probe(named_in([statement.sql], self._there)[:MOST_PROBED])
        files, wal = _files_and_log(connection)
        self._sampler.taken(is_told=statement is not None and _in_transaction(connection))
        self._probes.runs()
        began, error = time.monotonic(), ""
        try:
            yield
        except BaseException as problem:
            error = _said(problem)
            raise
        finally:
            ended = time.monotonic()
            locks = self._sampler.taken()
            rewrites: tuple[str, ...] = ()
            log = wal
            if not error:
                if _in_transaction(connection):
                    for relation, mode in connection.execute(_HELD).fetchall():
                        locks[relation] = strongest(locks.get(relation, ""), mode)
                later, log = _files_and_log(connection)
                rewrites = tuple(
                    name for name in sorted(files) if later.get(name, files[name]) != files[name]
                )
                self._running = ""
            self._timed.append((began, ended))
            self.seen.statements.append(
                TrialStatement(
                    change.name, text, ended - began, locked(locks, self._there.was), rewrites,
                    max(0, log - wal), error=error,
                )
            )  # fmt: skip

    def _probe(self, tables: list[str]) -> None:
        for name in reversed(tables):
            self._probes.at(self._there.tables[name].quoted)
        self._probes.await_ready()

    def _on_lock(self, relation: int, mode: str) -> None:
        if relation in self._quoted and mode in _WORTH_A_PROBE:
            self._probes.at(self._quoted[relation])

    def _waits(self, began: float, ended: float) -> tuple[float, float]:
        ahead_s = self._sampler.ahead_s
        return self._probes.longest(began - ahead_s, ended - ahead_s)

    def _end(self) -> None:
        self.is_over = True
        with contextlib.suppress(driver().Error):
            self._copies.end_sessions(self._address.database)


@contextlib.contextmanager
def ended_after(within_s: float, end: Callable[[], object]) -> Iterator[None]:
    """Calls `end` when the time is up, and once more each second after it, as long as somebody tries again."""
    done = threading.Event()

    def watch() -> None:
        left_s = within_s
        while not done.wait(left_s):
            end()
            left_s = 1.0

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _said(problem: BaseException) -> str:
    """What the server said, or whoever could not go on."""
    cause = problem.__cause__ or problem
    if isinstance(cause, driver().Error):
        said = str(cause.diag.message_primary or first_line(str(cause)))
        is_full = isinstance(cause, driver().errors.DiskFull)
        return f"the disk of the scratch server is full: {said}" if is_full else said
    return problem.message if isinstance(problem, MobiusError) else first_line(str(problem))


def _in_transaction(connection: Any) -> bool:
    return bool(connection.info.transaction_status == driver().pq.TransactionStatus.INTRANS)


def _files_and_log(connection: Any) -> tuple[dict[str, int], int]:
    return catalog.files(connection), int(connection.execute(_WRITTEN).fetchone()[0])
