"""Judging migrations by their text: which statements lock, break the old release, or lose data, and the safe way.

Sources: PostgreSQL's manual (ALTER TABLE, CREATE INDEX, explicit locking) and what was measured on PostgreSQL 15;
SQLite's pages on ALTER TABLE and foreign keys. Style is not judged here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mobius.model.linting import NOTHING_KNOWN, Accepted, Dialect, FileReport, Hazard, Known
from mobius.rules.migrations import pg_objects, pg_transactions, sqlite
from mobius.rules.migrations.accepting import Acceptance, acceptances_of, why_wrong
from mobius.rules.migrations.nouns import Statement
from mobius.rules.migrations.reading import inner_statements, statement_of
from mobius.rules.migrations.said import HIGH, MEDIUM, Said
from mobius.rules.migrations.state import State
from mobius.rules.migrations.tokens import statements


def lint(
    text: str,
    *,
    file: str = "",
    dialect: Dialect = "postgresql",
    pg_version: int = 15,
    assume_in_transaction: bool = False,
    known: Known = NOTHING_KNOWN,
) -> FileReport:
    """Everything dangerous in one migration. `assume_in_transaction`: the runner wraps the file in one. `known`: facts
    of the database, which take back alarms that the text alone must raise. Never raises for any text."""
    read: list[Statement] = []
    accepted: list[Acceptance] = []
    for raw in statements(text):
        read.append(statement_of(raw, text))
        accepted.extend(acceptances_of(raw.comments, read[-1].line))
    state = State(pg_version, in_transaction=assume_in_transaction, known=known)
    state.every = [each for statement in read for each in _with_inner(statement)]
    found: list[Hazard] = []
    for statement in read:
        found += [_bound(said, statement) for said in _hazards(statement, state, dialect)]
        if dialect == "sqlite" and statement.kind == "pragma":
            _note_pragma(statement, state)
        state.advance(statement)
    left_open = pg_transactions.at_the_end(state)
    if left_open is not None:
        found.append(_bound(left_open[1], left_open[0]))
    return _report(file, found, accepted, len(read))


def with_finding(report: FileReport, doubt: str) -> FileReport:
    """The report of a text that may not be what was meant: it says so first."""
    first = Hazard("unreadable", MEDIUM, 1, "", doubt, "save it as UTF-8")
    return replace(report, findings=(first, *report.findings))


def _with_inner(statement: Statement) -> Sequence[Statement]:
    return (statement, *inner_statements(statement.body)) if statement.kind == "do" else (statement,)


def _hazards(statement: Statement, state: State, dialect: Dialect) -> Iterator[Said]:
    if statement.kind == "broken":
        yield Said("unreadable", HIGH, f"{statement.name}: what follows cannot be judged", "close it")
        return
    if statement.kind == "meta":
        word = statement.name.split()[0]
        yield Said(
            "unreadable",
            MEDIUM,
            f"{word} is a command of psql, not of the server: what it does is not judged, and other runners fail on it",
            "write it as SQL, or lint the file that it includes",
        )
        return
    if dialect == "sqlite":
        yield from sqlite.hazards_of(statement, state)
        return
    yield from pg_transactions.transaction_hazards(statement, state)
    yield from pg_objects.hazards_of(statement, state)
    if statement.kind == "do":
        yield from _inside(statement, state)


def _inside(block: Statement, state: State) -> Iterator[Said]:
    """A DO block is one transaction of its own, or part of the one around it."""
    around = state.in_transaction
    state.in_transaction = True
    for statement in inner_statements(block.body):
        yield from pg_objects.hazards_of(statement, state)
        yield from (
            pg_transactions.transaction_hazards(statement, state) if statement.kind not in _CONTROL else ()
        )
        if statement.kind not in _CONTROL:
            state.advance(statement)
    state.in_transaction = around


_CONTROL = ("begin", "commit", "rollback")


def _note_pragma(statement: Statement, state: State) -> None:
    if statement.name == "foreign_keys" and not state.in_transaction:
        off = statement.value in ("off", "0", "false", "no")
        (state.settings.add if off else state.settings.discard)("foreign_keys off")


def _bound(said: Said, statement: Statement) -> Hazard:
    return Hazard(said.hazard, said.severity, statement.line, statement.text, said.message, said.advice)


def _report(file: str, found: Sequence[Hazard], accepted: Sequence[Acceptance], count: int) -> FileReport:
    """Those that the author accepted apart from the others; an acceptance without a reason counts for nothing."""
    left: list[Hazard] = []
    taken: list[Accepted] = []
    used: set[Acceptance] = set()
    for hazard in dict.fromkeys(found):
        fitting = next(
            (a for a in accepted if a.because and a.hazard == hazard.hazard and a.line == hazard.line), None
        )
        if fitting is None:
            left.append(hazard)
        else:
            used.add(fitting)
            taken.append(Accepted(hazard, fitting.because))
    for acceptance in accepted:
        if acceptance not in used:
            left.append(why_wrong(acceptance))
    left.sort(key=lambda hazard: (hazard.line, -hazard.severity, hazard.hazard))
    return FileReport(file, tuple(left), tuple(taken), count)
