"""Judging migrations by their text: which statements lock, break the old release, or lose data, and the safe way.

Sources: PostgreSQL's manual (ALTER TABLE, CREATE INDEX, explicit locking) and what was measured on PostgreSQL 15;
SQLite's pages on ALTER TABLE and foreign keys. Style is not judged here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from mobius.model.linting import NOTHING_KNOWN, Accepted, Dialect, FileReport, Hazard, Known
from mobius.rules.migrations import pg_objects, pg_transactions, sqlite
from mobius.rules.migrations.accepting import Acceptance, acceptances_of, why_wrong
from mobius.rules.migrations.called import Functions
from mobius.rules.migrations.directions import begins_a_change_set, is_the_way_down, runs_alone
from mobius.rules.migrations.nouns import FIRST_WORDS, Statement
from mobius.rules.migrations.reading import statement_of
from mobius.rules.migrations.said import HIGH, MEDIUM, Said
from mobius.rules.migrations.script import Script
from mobius.rules.migrations.state import State
from mobius.rules.migrations.tokens import statements

_ENDS = ("commit", "rollback")  # in a block: the next transaction begins at once
_READ_ONCE = (
    "insert",
    "select",
    "other",
    "set",
    "copy",
    "create function",
)  # of these no rule looks at more than the first words again


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
    of the database, which take back alarms that the text alone must raise. What takes a migration back in the same
    file (`-- migrate:down`) is not judged. Never raises for any text."""
    read: list[Statement] = []
    inner: dict[int, tuple[Statement, ...]] = {}
    change_sets: set[int] = set()
    accepted: list[Acceptance] = []
    script, functions, alone, down = Script(), Functions(text), False, False
    for raw in statements(text, nested_comments=dialect != "sqlite"):
        down = is_the_way_down(raw.comments, down)
        if down:
            continue
        statement = statement_of(raw, text)
        if raw.comments:
            alone = alone or runs_alone(raw.comments)
            if begins_a_change_set(raw.comments):
                change_sets.add(len(read))
            accepted.extend(acceptances_of(raw.comments, statement.line))
        script.note(statement)
        if within := functions.within(statement):
            inner[len(read)] = within
            for each in within:
                script.note(each)
                accepted.extend(acceptances_of(each.comments, each.line))
        once = statement.kind in _READ_ONCE
        read.append(replace(statement, tokens=statement.tokens[:FIRST_WORDS]) if once else statement)
    state = State(
        pg_version,
        in_transaction=assume_in_transaction and not alone,
        is_sqlite=dialect == "sqlite",
        known=known,
        script=script,
    )
    found: list[_Found] = []
    for at, statement in enumerate(read):
        if at in change_sets and at and not state.explicit:
            state.end_of_transaction()
        for by, said in _hazards(statement, inner.get(at, ()), state, dialect):
            found.append(_Found(_bound(said, by), statement.line))
        state.advance(statement)
    left_open = pg_transactions.at_the_end(state)
    if left_open is not None:
        found.append(_Found(_bound(left_open[1], left_open[0]), left_open[0].line))
    return _report(file, found, accepted, len(read))


class _Found(NamedTuple):
    """A hazard, and the line of the whole statement that it is in (a DO block has many)."""

    hazard: Hazard
    line: int


def with_finding(report: FileReport, doubt: str) -> FileReport:
    """The report of a text that may not be what was meant: it says so first."""
    first = Hazard("unreadable", MEDIUM, 1, "", doubt, "save it as UTF-8")
    return replace(report, findings=(first, *report.findings))


def _hazards(
    statement: Statement, inner: Sequence[Statement], state: State, dialect: Dialect
) -> Iterator[tuple[Statement, Said]]:
    """What is said, and of which statement: this one, or one inside of it."""
    if statement.kind in ("broken", "meta"):
        yield statement, _unread(statement)
        return
    if dialect == "sqlite":
        for said in (
            *pg_transactions.nesting_hazards(statement, state),
            *sqlite.hazards_of(statement, state),
        ):
            yield statement, said
        return
    for said in pg_transactions.transaction_hazards(statement, state):
        yield statement, said
    for said in pg_objects.hazards_of(statement, state):
        yield statement, said
    if inner:
        yield from _inside(inner, state)


def _unread(statement: Statement) -> Said:
    if statement.kind == "broken":
        return Said("unreadable", HIGH, f"{statement.name}: what follows cannot be judged", "close it")
    word = statement.name.split()[0]
    return Said(
        "unreadable",
        MEDIUM,
        f"{word} is a command of psql, not of the server: what it does is not judged, and other runners fail on it",
        "write it as SQL, or lint the file that it includes",
    )


def _inside(inner: Sequence[Statement], state: State) -> Iterator[tuple[Statement, Said]]:
    """A DO block is one transaction of its own, or part of the one around it."""
    around = state.in_transaction
    state.in_transaction = True
    for statement in inner:
        if statement.kind in _ENDS:
            if statement.tokens[0].word == "END":  # of a block within the block
                continue
            if around:
                yield statement, pg_transactions.refused_in_a_block(statement)
            else:
                state.end_of_transaction()
            continue
        for said in pg_objects.hazards_of(statement, state):
            yield statement, said
        for said in pg_transactions.transaction_hazards(statement, state):
            yield statement, said
        state.advance(statement)
    state.in_transaction = around
    if not around:
        state.end_of_transaction()


def _bound(said: Said, statement: Statement) -> Hazard:
    return Hazard(said.hazard, said.severity, statement.line, statement.text, said.message, said.advice)


def _report(file: str, found: Sequence[_Found], accepted: Sequence[Acceptance], count: int) -> FileReport:
    """Those that the author accepted apart from the others; an acceptance without a reason counts for nothing."""
    left: list[Hazard] = []
    taken: list[Accepted] = []
    reasons = {(each.hazard, each.line): each for each in accepted if each.because}
    used: set[Acceptance] = set()
    for each in dict.fromkeys(found):
        hazard = each.hazard
        fitting = reasons.get((hazard.hazard, each.line)) or reasons.get((hazard.hazard, hazard.line))
        if fitting is None:
            left.append(hazard)
        else:
            used.add(fitting)
            taken.append(Accepted(hazard, fitting.because))
    left += [why_wrong(each) for each in accepted if each not in used]
    left.sort(key=lambda hazard: (hazard.line, -hazard.severity, hazard.hazard))
    return FileReport(file, tuple(left), tuple(taken), count)
