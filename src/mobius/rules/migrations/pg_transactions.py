"""PostgreSQL: what statements do together, in one transaction: locks pile up, and are given back at its end only."""

from __future__ import annotations

from collections.abc import Iterator

from mobius.rules.migrations.bounds import why_unbounded
from mobius.rules.migrations.nouns import Statement
from mobius.rules.migrations.said import HIGH, LOW, MEDIUM, Said, quoted
from mobius.rules.migrations.state import State, locks_out_readers

_CHANGES = ("update", "delete", "insert")
_QUIET = (
    "set",
    "begin",
    "commit",
    "rollback",
    "meta",
    "broken",
    "pragma",
    "create view",
    "create type",
    "create domain",
)
_OVER_AT_ONCE = (
    "add column", "drop column", "drop constraint", "rename column", "rename constraint", "rename table", "other",
    "drop not null", "drop default", "replica identity", "set schema", "disable trigger", "alter constraint",
)  # fmt: skip
_LOCKING = ("drop table", "truncate", "create trigger", "cluster", "lock")


def transaction_hazards(statement: Statement, state: State) -> Iterator[Said]:
    """What this statement adds to the transaction that is open."""
    if statement.kind == "begin" and state.in_transaction:
        yield Said(
            "transaction-nesting",
            MEDIUM,
            "BEGIN inside a transaction does nothing but warn: the first COMMIT ends all of it",
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
    if state.in_transaction:
        yield from _piled_up(statement, state)
    yield from _without_timeouts(statement, state)


def _piled_up(statement: Statement, state: State) -> Iterator[Said]:
    done = state.open
    others = [table for table in done.locked if table != statement.table]
    is_ddl = statement.kind in ("alter table", *_LOCKING) or (
        statement.kind == "create index" and not statement.concurrently
    )
    touched = [table for table in statement.tables if not state.is_new(table)]
    if is_ddl and touched and others and "multi-table" not in done.told:
        done.told.add("multi-table")
        yield Said(
            "multi-table-ddl-transaction",
            MEDIUM,
            f"{quoted(others[0])} stays locked while this waits for {quoted(touched[0])}: each lock is held to"
            " the end of the"
            " transaction, and two such migrations can wait for each other",
            "one file, and one transaction, for each table",
        )
    if statement.kind in _CHANGES and done.locked and _is_bulk(statement, state):
        yield Said(
            "ddl-plus-backfill-same-txn",
            HIGH,
            f"rows of {quoted(statement.table)} are changed in the transaction that altered"
            f" {quoted(done.locked[0])}: its lock is"
            " held until the last row is written",
            "split the file: the change of the schema first, the rows in batches in the next one",
        )
    elif is_ddl and statement.kind == "alter table" and set(touched) & set(done.changed):
        yield Said(
            "ddl-plus-backfill-same-txn",
            HIGH,
            f"{quoted(touched[0])} is altered in the transaction that changed its rows: readers wait from here"
            " to its end",
            "split the file: the rows in batches first, the change of the schema in the next one",
        )
    if done.exclusive and "holding" not in done.told and _takes_time(statement, state):
        done.told.add("holding")
        yield Said(
            "statement-while-holding-access-exclusive",
            MEDIUM,
            f"this runs while nobody can read {quoted(done.exclusive[0])}: the lock that an earlier statement"
            " took is held to the"
            " end of the transaction",
            "COMMIT before it, or give it a file of its own",
        )


def _is_bulk(statement: Statement, state: State) -> bool:
    if not statement.table or state.is_new(statement.table):
        return False
    if statement.kind == "insert":
        return statement.says("SELECT") and statement.says("FROM")
    return bool(why_unbounded(statement))


def _takes_time(statement: Statement, state: State) -> bool:
    if statement.kind in _QUIET or (statement.kind == "other" and not statement.says("CALL")):
        return False
    if statement.kind in (
        "create table",
        "drop table",
        "create trigger",
        "add enum value",
        "drop index",
        "drop type",
    ):
        return False
    if statement.kind == "alter table":
        return not state.is_new(statement.table) and any(
            action.kind not in _OVER_AT_ONCE and not _is_quick(action.constraint)
            for action in statement.actions
        )
    if statement.kind in ("create index", "domain constraint", "create domain") and state.is_new(
        statement.table
    ):
        return False
    if statement.kind == "insert":
        return statement.says("SELECT")
    if statement.kind in ("update", "delete"):
        return not state.is_new(statement.table)
    return statement.kind in (
        "select", "create index", "reindex", "cluster", "copy", "call", "do", "truncate", "domain constraint", "lock",
    )  # fmt: skip


def _is_quick(constraint: object) -> bool:
    return getattr(constraint, "not_valid", False) or getattr(constraint, "using_index", False)


def _without_timeouts(statement: Statement, state: State) -> Iterator[Said]:
    """Once a script: the first lock that others would queue behind."""
    if "timeouts" in state.settings or "lock_timeout" in state.settings:
        return
    touched = [table for table in statement.tables if table and not state.is_new(table)]
    locks = (
        locks_out_readers(statement)
        or statement.kind == "alter table"
        or statement.kind == "create trigger"
        or (statement.kind == "create index" and not statement.concurrently)
    )
    gentle = statement.kind == "alter table" and all(
        action.kind == "validate" for action in statement.actions
    )
    if not touched or not locks or gentle:
        return
    state.settings.add("timeouts")
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
    if state.began is None:
        return None
    return state.began, Said(
        "uncommitted-transaction",
        HIGH,
        "this transaction is never committed: at the end of the file all of it is undone, and nobody is told",
        "add COMMIT at its end",
    )
