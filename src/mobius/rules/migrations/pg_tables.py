"""PostgreSQL: what ALTER TABLE does to constraints, partitions, triggers and the table itself."""

from __future__ import annotations

from collections.abc import Iterator

from mobius.rules.migrations.nouns import Action, Constraint, Statement
from mobius.rules.migrations.pg_columns import column_hazards, unindexed_foreign_keys
from mobius.rules.migrations.said import HIGH, Said, quoted, softer
from mobius.rules.migrations.state import State, not_null_check


def altered(statement: Statement, state: State) -> Iterator[Said]:
    """Every hazard of an ALTER TABLE."""
    yield from unindexed_foreign_keys(statement, state)
    if state.is_new(statement.table):
        yield from _detached_in_transaction(statement, state)
        return
    for action in statement.actions:
        yield from column_hazards(statement, action, state)
        yield from _table_hazards(statement, action, state)
    yield from _detached_in_transaction(statement, state)


def _detached_in_transaction(statement: Statement, state: State) -> Iterator[Said]:
    for action in statement.actions:
        if action.kind == "detach" and action.concurrently and state.in_transaction:
            yield in_a_transaction("DETACH PARTITION … CONCURRENTLY")


def in_a_transaction(what: str) -> Said:
    """CONCURRENTLY where PostgreSQL refuses it."""
    return Said(
        "concurrently-inside-transaction",
        HIGH,
        f"{what} cannot run inside a transaction: PostgreSQL refuses it, and the migration fails",
        "give it a file of its own that the runner does not wrap in a transaction",
    )


def _table_hazards(statement: Statement, action: Action, state: State) -> Iterator[Said]:
    table = quoted(statement.table)
    match action.kind:
        case "add constraint" if action.constraint is not None:
            yield from _constraint(statement.table, action.constraint, state)
        case "validate" if state.open.unvalidated.get(action.name) == statement.table:
            name = quoted(action.name)
            yield Said(
                "constraint-validated-under-lock",
                HIGH,
                f"{name} is validated in the transaction that added it: the lock of adding it is held for the"
                " whole scan of"
                f" {table}",
                f"COMMIT after ADD CONSTRAINT … NOT VALID; VALIDATE CONSTRAINT {name} in a transaction of its own",
            )
        case "rename table" if not _has_view(statement.table, state):
            new = quoted(action.name)
            yield Said(
                "rename-table",
                HIGH,
                f"renames {table} to {new}: the release that is live asks for {table} and fails",
                f"in the same transaction: CREATE VIEW {table} AS SELECT * FROM {new}; drop the view a release later",
            )
        case "detach" if not action.concurrently:
            yield Said(
                "partition-detach-blocks",
                HIGH,
                f"detaching {quoted(action.name)} stops reads and writes of all of {table}",
                f"ALTER TABLE {table} DETACH PARTITION {quoted(action.name)} CONCURRENTLY (PostgreSQL 14 and"
                " later, outside"
                " of a transaction)",
            )
        case "attach":
            yield from _attached(statement, action, state)
        case "disable trigger" if action.name in ("all", "user"):
            yield Said(
                "disable-trigger-all",
                HIGH,
                f"without its triggers {table} takes rows that break foreign keys, and what hangs on triggers is"
                " not told",
                "disable the one trigger that is in the way, by its name, and enable it in the same transaction",
            )
        case "rewrite":
            yield Said(
                "full-table-rewrite-command",
                softer(HIGH, state.is_small(statement.table)),
                f"{action.name} writes all of {table} anew; nobody can read or write it meanwhile",
                "make a new table, fill it in batches, and change over to it",
            )
        case "replica identity" if action.name == "nothing":
            yield _replication(table, "REPLICA IDENTITY NOTHING")
        case "drop constraint" if _is_primary_key(statement, action, state):
            yield _replication(table, "without its primary key")
        case _:
            return


def _replication(table: str, why: str) -> Said:
    return Said(
        "replication-identity-break",
        HIGH,
        f"{table}, {why}, has no replica identity: where it is published, UPDATE and DELETE fail from now on",
        f"first: ALTER TABLE {table} REPLICA IDENTITY USING INDEX … (a unique index on NOT NULL columns), or FULL",
    )


def _is_primary_key(statement: Statement, action: Action, state: State) -> bool:
    table = statement.table
    named = action.name.lower() in (f"{table.lower()}_pkey", "primary key") or action.name.lower().endswith(
        ("_pkey", "_pk")
    )
    known = (table, action.name) in state.known.primary_keys
    again = any(
        each.constraint is not None and each.constraint.kind == "primary" for each in statement.actions
    )
    return (named or known) and not again and table not in state.replica_identity


def _has_view(table: str, state: State) -> bool:
    return any(each.kind == "create view" and each.name == table for each in state.every)


def _attached(statement: Statement, action: Action, state: State) -> Iterator[Said]:
    part = action.name
    checked = any(table == part for table, _ in state.validated) or any(
        table == part for table, _ in state.checks
    )
    checked = checked or _checked_here(part, state)
    if state.is_new(part) or checked:
        return
    parent, child = quoted(statement.table), quoted(part)
    yield Said(
        "partition-attach",
        HIGH,
        f"attaching {child} reads all of it (and of the default partition) under lock, to see that each row"
        " belongs there",
        f"ALTER TABLE {child} ADD CONSTRAINT … CHECK (the bounds) NOT VALID; VALIDATE CONSTRAINT in a"
        " transaction of its own;"
        f" then attach it to {parent}",
    )


def _checked_here(table: str, state: State) -> bool:
    """A CHECK on the partition earlier in the script proves its bounds."""
    for each in state.every:
        for action in each.actions if each.table == table else ():
            if action.constraint is not None and action.constraint.kind == "check":
                return True
    return False


def _constraint(table_name: str, constraint: Constraint, state: State) -> Iterator[Said]:
    table, small = quoted(table_name), state.is_small(table_name)
    name = quoted(constraint.name) if constraint.name else "…"
    columns = ", ".join(quoted(column) for column in constraint.columns)
    later = f"VALIDATE CONSTRAINT {name} in a transaction of its own"
    if constraint.not_valid:
        return
    if constraint.kind == "foreign":
        other = quoted(constraint.references)
        yield Said(
            "foreign-key-validated-under-lock",
            softer(HIGH, small),
            f"the foreign key looks at every row of {table}, and stops writes to {table} and {other} meanwhile",
            f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({columns}) REFERENCES {other} … NOT VALID;"
            f" {later}",
        )
    elif constraint.kind == "not null":
        yield Said(
            "set-not-null-scans",
            softer(HIGH, small),
            f"NOT NULL looks at every row of {table} while nobody can read or write it",
            f"ALTER TABLE {table} ADD CONSTRAINT {name} NOT NULL {columns} NOT VALID; {later}",
        )
    elif constraint.kind == "check":
        column = not_null_check(constraint)
        what = f"CHECK ({quoted(column)} IS NOT NULL)" if column else "CHECK (…)"
        yield Said(
            "constraint-validated-under-lock",
            softer(HIGH, small),
            f"the CHECK is tried on every row of {table} while nobody can read or write it",
            f"ALTER TABLE {table} ADD CONSTRAINT {name} {what} NOT VALID; {later}",
        )
    elif constraint.kind in ("unique", "primary") and not constraint.using_index:
        word = "UNIQUE" if constraint.kind == "unique" else "PRIMARY KEY"
        index = quoted(f"{table_name}_{'_'.join(constraint.columns)}_idx")
        yield Said(
            "unique-built-under-lock" if constraint.kind == "unique" else "primary-key-built-under-lock",
            softer(HIGH, small),
            f"{word} builds its index while nobody can read or write {table}",
            f"CREATE UNIQUE INDEX CONCURRENTLY {index} ON {table} ({columns}); then ALTER TABLE {table} ADD"
            f" CONSTRAINT {name}"
            f" {word} USING INDEX {index}",
        )
    elif constraint.kind == "exclude":
        yield Said(
            "exclusion-constraint",
            softer(HIGH, small),
            f"EXCLUDE builds its index while nobody can read or write {table}; it cannot be built concurrently",
            "make a new table with the constraint, fill it in batches, and change over to it; or check in a trigger",
        )
