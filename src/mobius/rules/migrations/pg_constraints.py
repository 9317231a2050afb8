"""PostgreSQL: what ALTER TABLE does with constraints."""

from __future__ import annotations

from collections.abc import Iterator

from mobius.rules.migrations.cursor import Name
from mobius.rules.migrations.nouns import Action, Constraint, Statement
from mobius.rules.migrations.said import ALONE, APART, HIGH, Said, derived, quoted, softer, steps
from mobius.rules.migrations.state import State


def constraint_hazards(statement: Statement, action: Action, state: State) -> Iterator[Said]:
    """The hazards of adding a constraint, or of validating one too early."""
    table = statement.table
    if action.kind == "validate" and (added := _added_with_it(statement, action, state)):
        yield from _validated_too_early(table, action.name, added)
    constraint = action.constraint
    if action.kind != "add constraint" or constraint is None or constraint.not_valid:
        return
    small = state.is_small(table)
    match constraint.kind:
        case "foreign":
            other = quoted(constraint.references)
            yield Said(
                "foreign-key-validated-under-lock",
                softer(HIGH, small),
                f"the foreign key looks at every row of {quoted(table)}, and stops writes to {quoted(table)} and"
                f" {other} meanwhile",
                _validated_later(statement, constraint, "fkey"),
            )
        case "not null":
            yield Said(
                "set-not-null-scans",
                softer(HIGH, small),
                f"NOT NULL looks at every row of {quoted(table)} while nobody can read or write it",
                _validated_later(statement, constraint, "not_null"),
            )
        case "check":
            yield Said(
                "constraint-validated-under-lock",
                softer(HIGH, small),
                f"the CHECK is tried on every row of {quoted(table)} while nobody can read or write it",
                _validated_later(statement, constraint, "check"),
            )
        case "unique" | "primary" if not constraint.using_index:
            yield _indexed(statement, constraint, small)
        case "exclude":
            yield Said(
                "exclusion-constraint",
                softer(HIGH, small),
                f"EXCLUDE builds its index while nobody can read or write {quoted(table)}; it cannot be built"
                " concurrently",
                "make a new table with the constraint, fill it in batches, and change over to it; or check in a"
                " trigger",
            )


def _added_with_it(statement: Statement, action: Action, state: State) -> str:
    """The kind of the constraint that is validated in the transaction that added it, "" for none."""
    before = state.open.unvalidated.get((state.key(statement.table), str(action.name)))
    here = (
        each.constraint.kind
        for each in statement.actions
        if each.kind == "add constraint" and each.name == action.name and each.constraint is not None
    )
    return before or next(here, "")


def _validated_too_early(table: Name, constraint: Name, kind: str) -> Iterator[Said]:
    name = quoted(constraint)
    apart = steps(
        f"ALTER TABLE {quoted(table)} VALIDATE CONSTRAINT {name}",
        how="in a transaction of its own, after the one that adds it",
    )
    yield Said(
        "constraint-validated-under-lock",
        HIGH,
        f"{name} is validated in the transaction that added it: the lock of adding it is held for the whole scan"
        f" of {quoted(table)}",
        apart,
    )
    if kind == "foreign":
        yield Said(
            "foreign-key-validated-under-lock",
            HIGH,
            f"writes to {quoted(table)} and to the table that {name} refers to wait until it is validated",
            apart,
        )


def _validated_later(statement: Statement, constraint: Constraint, ending: str) -> str:
    table = quoted(statement.table)
    columns = constraint.columns if constraint.kind != "check" else ()
    name = quoted(constraint.name) if constraint.name else derived(statement.table, *columns, ending)
    return steps(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} {constraint.text} NOT VALID",
        f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}",
        how=APART,
    )


def _indexed(statement: Statement, constraint: Constraint, small: bool) -> Said:
    table, word = (
        quoted(statement.table),
        constraint.kind.upper() + (" KEY" if constraint.kind == "primary" else ""),
    )
    ending = "pkey" if constraint.kind == "primary" else "key"
    columns = constraint.columns if constraint.kind == "unique" else ()
    name = quoted(constraint.name) if constraint.name else derived(statement.table, *columns, ending)
    listed = ", ".join(quoted(column) for column in constraint.columns)
    distinct = " NULLS NOT DISTINCT" if "NULLS NOT DISTINCT" in constraint.text.upper() else ""
    how = f"the index {ALONE}"
    if constraint.kind == "primary":
        how += "; its columns must be NOT NULL before, or every row is looked at"
    return Said(
        f"{'unique' if constraint.kind == 'unique' else 'primary-key'}-built-under-lock",
        softer(HIGH, small),
        f"{word} builds its index while nobody can read or write {table}",
        steps(
            f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} ({listed}){distinct}",
            f"ALTER TABLE {table} ADD CONSTRAINT {name} {word} USING INDEX {name}",
            how=how,
        ),
    )
