"""Facts over guesses: pending migrations judged by their text, then by what a rehearsal knows of the database.

What the facts take back is not forgotten: each such alarm is told, with the fact that disproves it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mobius.model.linting import NOTHING_KNOWN, Dialect, FileReport, Hazard, Impact, Known
from mobius.model.migrating import PendingMigration, TakenBack
from mobius.model.numbers import whole
from mobius.rules.migrations import lint
from mobius.rules.migrations.reading import statement_of
from mobius.rules.migrations.tokens import statements

BREAKS_OLD = frozenset(
    {
        "drop-column",
        "drop-database",
        "drop-schema",
        "drop-table",
        "rename-column",
        "rename-table",
        "required-column-without-default",
    }
)
NO_TIMEOUT = "missing-lock-or-statement-timeout"
LOSES = frozenset(
    {"drop-column", "drop-database", "drop-schema", "drop-table", "truncate-cascade", "truncate-table"}
)


def judge_with_facts(
    pending: Sequence[PendingMigration],
    *,
    dialect: Dialect,
    pg_version: int,
    facts: Mapping[str, Any],
) -> tuple[tuple[FileReport, ...], tuple[TakenBack, ...]]:
    """What each migration that is SQL holds, and what of it the facts of a rehearsal (`TrialFacts`, or nothing) take
    back. A table that an earlier pending migration makes is nobody's yet: that is a fact, too."""
    known, counts = known_of(facts.get("known") or {}), _counts(facts)
    made: set[str] = set()
    reports: list[FileReport] = []
    taken: list[TakenBack] = []
    for migration in pending:
        if migration.sql is None:
            continue

        def judged(by: Known, migration: PendingMigration = migration) -> FileReport:
            return lint(
                migration.sql or "",
                file=migration.file,
                dialect=dialect,
                pg_version=pg_version,
                assume_in_transaction=migration.transactional,
                known=by,
            )

        guessed = judged(NOTHING_KNOWN)
        report = judged(replace(known, small=known.small | made))
        left = _weights(report)
        for hazard in guessed.findings:
            becomes = left.get(_place(hazard))
            if becomes is None or becomes < hazard.severity:
                why = next(
                    (
                        said
                        for by, said in _single(known, made, counts)
                        if _weights(judged(by)).get(_place(hazard)) == becomes
                    ),
                    "several facts of the database together",
                )
                taken.append(TakenBack(migration.file, hazard, why, becomes))
        reports.append(report)
        made |= _tables_made(migration.sql)
    return tuple(reports), tuple(taken)


def without_lock_timeouts(
    reports: Sequence[FileReport], lock_timeout_s: float
) -> tuple[tuple[FileReport, ...], tuple[TakenBack, ...]]:
    """What a deployment sees to itself: it gives every migration a lock_timeout (0: none), and tries it again."""
    if not lock_timeout_s:
        return tuple(reports), ()
    why = f"a deployment sets lock_timeout = {lock_timeout_s:g} s for it, and tries it again"
    taken = tuple(
        TakenBack(report.file, found, why, None)
        for report in reports
        for found in report.findings
        if found.hazard == NO_TIMEOUT
    )
    left = (
        replace(report, findings=tuple(found for found in report.findings if found.hazard != NO_TIMEOUT))
        for report in reports
    )
    return tuple(left), taken


def known_of(facts: Mapping[str, Any]) -> Known:
    """The facts of the database as the linter takes them. What is not there, or is not what it should be, is not
    known."""
    columns = facts.get("columns")
    return Known(
        small=frozenset(str(each) for each in _listed(facts.get("small"))),
        columns={
            str(table): {str(column): str(kind) for column, kind in inside.items()}
            for table, inside in (columns.items() if isinstance(columns, Mapping) else ())
            if isinstance(inside, Mapping)
        },
        not_null_checks=_pairs(facts.get("not_null_checks")),
        indexed=_pairs(facts.get("indexed")),
        primary_keys=_pairs(facts.get("primary_keys")),
    )


def pg_major(version: str, otherwise: int = 15) -> int:
    """The 15 of "15.20"; `otherwise` where it says none."""
    first = whole(version.strip().partition(".")[0])
    return otherwise if first is None else first


def _place(hazard: Hazard) -> tuple[str, int, str]:
    return hazard.hazard, hazard.line, hazard.statement


def _weights(report: FileReport) -> dict[tuple[str, int, str], Impact]:
    return {_place(hazard): hazard.severity for hazard in report.findings}


def _single(known: Known, made: set[str], counts: Mapping[str, int]) -> Iterable[tuple[Known, str]]:
    """One fact at a time, with the words for it: whichever silences an alarm is the reason."""
    for table in sorted(made):
        yield Known(small=frozenset({table})), f"{table} is new: an earlier pending migration makes it"
    for table in sorted(known.small):
        rows = f"{counts[table]:,} row{'' if counts[table] == 1 else 's'}" if table in counts else "few rows"
        yield Known(small=frozenset({table})), f"{table} has {rows}: a scan is over at once"
    for table, column in sorted(known.not_null_checks):
        fact = frozenset({(table, column)})
        yield Known(not_null_checks=fact), f"a validated CHECK proves that no {table}.{column} is null"
    for table, column in sorted(known.indexed):
        yield Known(indexed=frozenset({(table, column)})), f"an index on {table} leads with {column}"
    for table, name in sorted(known.primary_keys):
        yield Known(primary_keys=frozenset({(table, name)})), f"{name} is the primary key of {table}"
    for table, inside in sorted(known.columns.items()):
        for column, kind in inside.items():
            yield (
                Known(columns={table: {column: kind}}),
                f"{table}.{column} is {kind}: its rows stay as they are",
            )


def _tables_made(sql: str) -> set[str]:
    read = (statement_of(raw, sql) for raw in statements(sql))
    return {each.table for each in read if each.kind == "create table" and each.table}


def _counts(facts: Mapping[str, Any]) -> dict[str, int]:
    rows = [each for each in _listed(facts.get("rows")) if isinstance(each, Mapping)]
    return {str(each.get("table")).rpartition(".")[2]: int(each.get("before") or 0) for each in rows}


def _pairs(value: object) -> frozenset[tuple[str, str]]:
    pairs = (each for each in _listed(value) if len(_listed(each)) == 2)
    return frozenset((str(one), str(other)) for one, other in pairs)


def _listed(value: object) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def first_that(reports: Iterable[FileReport], hazards: frozenset[str]) -> tuple[str, Hazard] | None:
    """The first finding of one of these kinds, accepted ones too: accepting it does not make it harmless."""
    for report in reports:
        for found in (*report.findings, *(taken.found for taken in report.accepted)):
            if found.hazard in hazards:
                return report.file, found
    return None
