"""PostgreSQL: what statements do together, in one transaction: locks pile up, and are given back at its end only."""

from __future__ import annotations

from collections.abc import Iterator

from mobius.rules.migrations.bookkeeping import keeps_the_books
from mobius.rules.migrations.bounds import why_unbounded
from mobius.rules.migrations.locks import (
    locked_tables,
    locks_out_readers,
    locks_out_writers,
    locks_the_definition,
)
from mobius.rules.migrations.nouns import Constraint, Statement
from mobius.rules.migrations.said import HIGH, LOW, MEDIUM, Said, quoted
from mobius.rules.migrations.state import State

_CHANGES = ("update", "delete", "insert", "merge")
_OVER_AT_ONCE = (
    "add column", "drop column", "drop constraint", "rename column", "rename constraint", "rename table", "other",
    "drop not null", "drop default", "replica identity", "set schema", "disable trigger", "disable triggers",
    "alter constraint", "settings", "enable trigger",
)  # fmt: skip
_LONG = (
    "create index", "reindex", "cluster", "copy", "call", "do", "truncate", "domain constraint", "lock", "refresh",
)  # fmt: skip


def transaction_hazards(statement: Statement, state: State) -> Iterator[Said]:
    """What this statement adds to the transaction that is open."""
    yield from nesting_hazards(statement, state)
    if state.in_transaction:
        yield from _piled_up(statement, state)
    yield from _without_timeouts(statement, state)


def nesting_hazards(statement: Statement, state: State) -> Iterator[Said]:
    """A BEGIN too many, or a COMMIT."""
    if statement.kind == "begin" and state.in_transaction:
        yield Said(
            "transaction-nesting",
            MEDIUM,
            "BEGIN inside a transaction begins nothing: the first COMMIT ends all of it",
            "leave BEGIN and COMMIT to the runner, or tell it not to wrap this file",
        )
    if statement.kind in ("commit", "rollback") and not state.explicit:
        where = (
            "that the runner opened: what follows is on its own"
            if state.in_transaction
            else "that was never begun"
        )
        yield Said(
            "transaction-nesting",
            MEDIUM,
            f"{statement.kind.upper()} ends a transaction {where}",
            "leave BEGIN and COMMIT to the runner, or tell it not to wrap this file",
        )


def refused_in_a_block(statement: Statement) -> Said:
    """Of a COMMIT or ROLLBACK in a block that runs inside a transaction."""
    return Said(
        "transaction-nesting",
        HIGH,
        f"{statement.kind.upper()} in a block that runs inside a transaction: PostgreSQL refuses it, and the migration"
        " fails",
        "tell the runner not to wrap this file in a transaction",
    )


def _piled_up(statement: Statement, state: State) -> Iterator[Said]:
    done = state.open
    touched = [table for table in locked_tables(statement) if table and not state.is_new(table)]
    if touched and locks_the_definition(statement) and "multi-table" not in done.told:
        keys = {state.key(table) for table in touched}
        other = next((name for key, name in done.locked.items() if key not in keys), None)
        if other is None and statement.repeated and "…" in touched[0]:
            done.told.add("multi-table")
            yield Said(
                "multi-table-ddl-transaction",
                MEDIUM,
                "each round of the loop waits for one more table, and all of them stay locked to its end",
                "COMMIT at the end of each round, or one file for each table",
            )
        if other is not None:
            done.told.add("multi-table")
            yield Said(
                "multi-table-ddl-transaction",
                MEDIUM,
                f"{quoted(other)} stays locked while this waits for {quoted(touched[0])}: each lock is held to the"
                " end of the transaction, and two such migrations can wait for each other",
                "one file, and one transaction, for each table",
            )
    if statement.kind in _CHANGES and done.locked and _is_bulk(statement, state):
        first = next(iter(done.locked.values()))
        yield Said(
            "ddl-plus-backfill-same-txn",
            HIGH,
            f"rows of {quoted(statement.table)} are changed in the transaction that altered {quoted(first)}: its lock"
            " is held until the last row is written",
            "split the file: the change of the schema first, the rows in batches in the next one",
        )
    elif (
        statement.kind == "alter table"
        and locks_out_readers(statement)
        and any(state.key(table) in done.changed for table in touched)
    ):
        yield Said(
            "ddl-plus-backfill-same-txn",
            HIGH,
            f"{quoted(touched[0])} is altered in the transaction that changed its rows: readers wait from here"
            " to its end",
            "split the file: the rows in batches first, the change of the schema in the next one",
        )
    shuts_itself = {state.key(table) for table in touched} if locks_out_readers(statement) else set()
    held = next((name for key, name in done.exclusive.items() if key not in shuts_itself), None)
    if held is not None and "holding" not in done.told and _takes_time(statement, state):
        done.told.add("holding")
        yield Said(
            "statement-while-holding-access-exclusive",
            MEDIUM,
            f"this runs while nobody can read {quoted(held)}: the lock that an earlier"
            " statement took is held to the end of the transaction",
            "COMMIT before it, or give it a file of its own",
        )


def _is_bulk(statement: Statement, state: State) -> bool:
    if not statement.table or state.is_new(statement.table) or keeps_the_books(statement.table):
        return False
    if statement.kind == "insert":
        return bool(statement.value)
    return bool(why_unbounded(statement))


def _takes_time(statement: Statement, state: State) -> bool:
    match statement.kind:
        case "alter table":
            return not state.is_new(statement.table) and any(
                action.kind not in _OVER_AT_ONCE and not _is_quick(action.constraint)
                for action in statement.actions
            )
        case "insert":
            return bool(statement.value)
        case "update" | "delete" | "merge":
            return not state.is_new(statement.table) and not keeps_the_books(statement.table)
        case "create table":
            return statement.value == "filled"
        case "create index" | "refresh":
            return not state.is_new(statement.table)
        case "domain constraint":
            return not state.is_new_type(statement.name)
        case "select":
            return statement.value == "long"
    return statement.kind in _LONG


def _is_quick(constraint: Constraint | None) -> bool:
    return constraint is not None and (constraint.not_valid or constraint.using_index)


def _without_timeouts(statement: Statement, state: State) -> Iterator[Said]:
    """Once a script: the first lock that others would queue behind."""
    if state.timeouts_told or state.has_lock_timeout or not locks_out_writers(statement):
        return
    touched = [
        table
        for table in locked_tables(statement)
        if table
        and not state.is_new(table)
        and table not in state.indexes
        and state.key(table) not in state.open.exclusive
    ]
    if not touched or (statement.kind in ("lock", "lock out writers") and not statement.value):
        return
    state.timeouts_told = True
    setting = "SET LOCAL" if state.in_transaction else "SET"
    yield Said(
        "missing-lock-or-statement-timeout",
        LOW,
        f"without a lock_timeout this waits behind any open query on {quoted(touched[0])}, and everyone else"
        " waits behind it",
        f"first: {setting} lock_timeout = '2s'; {setting} statement_timeout = '30s'; and try again when it gives up",
    )


def at_the_end(state: State) -> tuple[Statement, Said] | None:
    """A transaction that the script leaves open."""
    if state.prepared:
        name, prepared = next(iter(state.prepared.items()))
        return prepared, Said(
            "uncommitted-transaction",
            HIGH,
            f"the prepared transaction '{name}' keeps its locks, over restarts too, until somebody settles it",
            f"add COMMIT PREPARED '{name}', or leave PREPARE TRANSACTION out",
        )
    if state.began is None:
        return None
    return state.began, Said(
        "uncommitted-transaction",
        HIGH,
        "this transaction is never committed: at the end of the file all of it is undone, and nobody is told",
        "add COMMIT at its end",
    )
