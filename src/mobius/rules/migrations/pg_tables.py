"""PostgreSQL: what ALTER TABLE does to partitions, triggers, replication and the table itself."""

from __future__ import annotations

from collections.abc import Iterator

from mobius.rules.migrations.nouns import Action, Statement
from mobius.rules.migrations.pg_columns import column_hazards
from mobius.rules.migrations.pg_constraints import constraint_hazards
from mobius.rules.migrations.pg_foreign import unindexed_foreign_keys
from mobius.rules.migrations.said import ALONE, APART, HIGH, Said, derived, quoted, softer, steps
from mobius.rules.migrations.script import constants
from mobius.rules.migrations.state import State


def altered(statement: Statement, state: State) -> Iterator[Said]:
    """Every hazard of an ALTER TABLE."""
    yield from unindexed_foreign_keys(statement, state)
    if not state.is_new(statement.table):
        for action in statement.actions:
            yield from column_hazards(statement, action, state)
            yield from constraint_hazards(statement, action, state)
            yield from _table_hazards(statement, action, state)
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
        case "rename table" if statement.table not in state.script.views:
            new = quoted(action.name)
            yield Said(
                "rename-table",
                HIGH,
                f"renames {table} to {new}: the release that is live asks for {table} and fails",
                f"in the same transaction: CREATE VIEW {table} AS SELECT * FROM {new}; drop the view a release later",
            )
        case "set schema" if statement.table not in state.script.views:
            yield Said(
                "rename-table",
                HIGH,
                f"moves {table} to the schema {quoted(action.name)}: the release that is live asks for it where it was",
                "in the same transaction make a view in its old place; drop the view a release later",
            )
        case "detach" if not action.concurrently:
            part = quoted(action.name)
            safe = steps(f"ALTER TABLE {table} DETACH PARTITION {part} CONCURRENTLY", how=ALONE)
            yield Said(
                "partition-detach-blocks",
                HIGH,
                f"detaching {part} stops reads and writes of all of {table}",
                safe
                if state.pg_version >= 14
                else "with a lock_timeout, and again until it succeeds: PostgreSQL 14"
                " and later can detach concurrently",
            )
        case "attach":
            yield from _attached(statement, action, state)
        case "disable triggers":
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
            yield replication_breaks(table, "with REPLICA IDENTITY NOTHING")
        case "drop constraint" if _is_primary_key(statement, action, state):
            yield replication_breaks(table, "without its primary key")
        case _:
            return


def replication_breaks(table: str, why: str) -> Said:
    """Of a table whose rows a subscriber could no longer find."""
    return Said(
        "replication-identity-break",
        HIGH,
        f"{table}, {why}, has no replica identity: where it is published, UPDATE and DELETE fail from now on",
        f"first: ALTER TABLE {table} REPLICA IDENTITY USING INDEX … (a unique index on NOT NULL columns), or FULL",
    )


def _is_primary_key(statement: Statement, action: Action, state: State) -> bool:
    table, name = statement.table, action.name.lower()
    named = name == "primary key" or name.endswith(("_pkey", "_pk")) or name.startswith(("pk_", "pk-"))
    known = (table, action.name) in state.known.primary_keys
    again = table in state.script.keyed
    return (named or known) and not again and state.key(table) not in state.replica_identity


def _attached(statement: Statement, action: Action, state: State) -> Iterator[Said]:
    part = action.name
    said, bounds = state.script.checked.get(part), constants(statement.tokens)
    checked = said is not None and (not bounds or not bounds.isdisjoint(said))
    if state.is_new(part) or checked or any(table == part for table, _ in state.validated):
        return
    parent, child = quoted(statement.table), quoted(part)
    check = derived(part, "bounds")
    yield Said(
        "partition-attach",
        HIGH,
        f"attaching {child} to {parent} reads all of it (and of the default partition) under lock, to see that each"
        " row belongs there",
        f"first a CHECK of the bounds: ALTER TABLE {child} ADD CONSTRAINT {check} CHECK (…) NOT VALID, and VALIDATE"
        f" CONSTRAINT {check}, {APART}; it then need not look",
    )
