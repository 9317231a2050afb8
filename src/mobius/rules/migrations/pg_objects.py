"""PostgreSQL: indexes, tables as a whole, types, and changes of rows."""

from __future__ import annotations

from collections.abc import Iterator

from mobius.rules.migrations.bounds import why_unbounded
from mobius.rules.migrations.nouns import Statement
from mobius.rules.migrations.pg_columns import unindexed_foreign_keys
from mobius.rules.migrations.pg_tables import altered, in_a_transaction
from mobius.rules.migrations.said import HIGH, LOW, MEDIUM, Said, quoted, softer
from mobius.rules.migrations.state import State


def hazards_of(statement: Statement, state: State) -> Iterator[Said]:
    """What this statement does by itself, given what the script did before it."""
    match statement.kind:
        case "alter table":
            yield from altered(statement, state)
        case "create table":
            yield from unindexed_foreign_keys(statement, state)
        case "create index":
            yield from _index(statement, state)
        case "drop index":
            yield from _drop_index(statement, state)
        case "reindex":
            yield from _reindex(statement, state)
        case "drop table" | "drop schema" | "drop owned" | "drop database":
            yield from _dropped(statement, state)
        case "truncate":
            yield from _truncated(statement, state)
        case "vacuum full" | "cluster":
            yield _rewritten(statement, state)
        case "update" | "delete":
            yield from _backfill(statement, state)
        case "add enum value":
            yield from _enum_value(statement, state)
        case "domain constraint" if not statement.guarded:
            name = quoted(statement.name)
            yield Said(
                "domain-constraint",
                MEDIUM,
                f"a constraint on the domain {name} is tried on every row of every table that uses it, under lock",
                f"ALTER DOMAIN {name} ADD CONSTRAINT … CHECK (…) NOT VALID; VALIDATE CONSTRAINT in a transaction"
                " of its own",
            )
        case "create domain" if statement.says("CHECK") or statement.says("NOT", "NULL"):
            yield Said(
                "domain-constraint",
                LOW,
                f"the domain {quoted(statement.name)} carries a constraint: each later change of it is tried on"
                " every table"
                " that uses it, under lock",
                "put the CHECK on the tables, where NOT VALID and VALIDATE are to be had",
            )
        case "set" if statement.name == "session_replication_role" and not statement.says("DEFAULT"):
            yield Said(
                "disable-trigger-all",
                HIGH,
                "session_replication_role switches off triggers and foreign keys of every table",
                "disable the one trigger that is in the way, by its name",
            )
        case _:
            return


def _index(statement: Statement, state: State) -> Iterator[Said]:
    table, name = quoted(statement.table), quoted(statement.name) if statement.name else ""
    columns = ", ".join(quoted(column) for column in statement.columns) or "…"
    unique = "UNIQUE " if statement.value else ""
    if statement.concurrently:
        if state.in_transaction:
            yield in_a_transaction("CREATE INDEX CONCURRENTLY")
        if statement.guarded and statement.name not in state.dropped_indexes:
            yield Said(
                "invalid-index-retry",
                MEDIUM,
                f"where an earlier try of {name} was interrupted, an invalid index of this name is there: IF NOT"
                " EXISTS keeps"
                " it, and no query uses it",
                f"DROP INDEX CONCURRENTLY IF EXISTS {name}; then CREATE {unique}INDEX CONCURRENTLY {name} ON"
                f" {table} ({columns})",
            )
        return
    if state.is_new(statement.table) or statement.only:
        return
    yield Said(
        "index-build-blocks-writes",
        softer(HIGH, state.is_small(statement.table)),
        f"nobody can write to {table} while its index is built",
        f"CREATE {unique}INDEX CONCURRENTLY {name + ' ' if name else ''}ON {table} ({columns}), in a file of its"
        " own, outside of"
        " a transaction",
    )


def _drop_index(statement: Statement, state: State) -> Iterator[Said]:
    if statement.concurrently:
        if state.in_transaction:
            yield in_a_transaction("DROP INDEX CONCURRENTLY")
        return
    names = [quoted(name) for name in statement.columns if name not in state.indexes]
    if names:
        yield Said(
            "index-drop-blocks",
            MEDIUM,
            f"dropping {', '.join(names)} waits for every query on its table, and stops all that come after",
            f"DROP INDEX CONCURRENTLY {', '.join(names)}, in a file of its own, outside of a transaction",
        )


def _reindex(statement: Statement, state: State) -> Iterator[Said]:
    if statement.concurrently:
        if state.in_transaction:
            yield in_a_transaction("REINDEX CONCURRENTLY")
        return
    if state.is_new(statement.name):
        return
    what = f"{statement.value} CONCURRENTLY {quoted(statement.name)}" if statement.name else "… CONCURRENTLY"
    yield Said(
        "reindex-blocks",
        HIGH,
        "nobody can write to the table, nor read by the index, while it is built anew",
        f"REINDEX {what} (PostgreSQL 12 and later), outside of a transaction",
    )


def _dropped(statement: Statement, state: State) -> Iterator[Said]:
    if statement.kind == "drop database":
        yield Said(
            "drop-database",
            HIGH,
            f"drops the database {quoted(statement.name)}: all of it is gone",
            "leave it out",
        )
        return
    if statement.kind != "drop table":
        what = (
            f"schema {quoted(statement.name)}" if statement.kind == "drop schema" else "all that a role owns"
        )
        yield Said(
            "drop-schema",
            HIGH,
            f"drops {what} and what is in it",
            "drop what is no longer read, by name, a release later",
        )
        return
    names = [quoted(name) for name in statement.tables if not state.is_new(name)]
    if names:
        more = ", and with CASCADE whatever refers to it" if statement.cascade else ""
        yield Said(
            "drop-table",
            HIGH,
            f"drops {', '.join(names)}{more}: its data is gone, and the release that is live still reads it",
            "ship a release that no longer names it; drop it with the release after that. Going back needs a backup",
        )


def _truncated(statement: Statement, state: State) -> Iterator[Said]:
    names = [quoted(name) for name in statement.tables if not state.is_new(name)]
    if not names:
        return
    tables = ", ".join(names)
    if statement.cascade:
        yield Said(
            "truncate-cascade",
            HIGH,
            f"empties {tables} and every table that refers to it, and theirs",
            f"name each table that shall be emptied, without CASCADE: TRUNCATE {tables}",
        )
    else:
        yield Said(
            "truncate-table",
            MEDIUM,
            f"empties {tables}: going back needs a backup",
            "keep a copy, or leave it out",
        )


def _rewritten(statement: Statement, state: State) -> Said:
    table = quoted(statement.table) if statement.table else "every table"
    word = "VACUUM FULL" if statement.kind == "vacuum full" else "CLUSTER"
    return Said(
        "full-table-rewrite-command",
        softer(HIGH, state.is_small(statement.table)),
        f"{word} writes {table} anew; nobody can read or write it meanwhile",
        "pg_repack does it while the table is in use; VACUUM alone is enough for most",
    )


def _backfill(statement: Statement, state: State) -> Iterator[Said]:
    why = why_unbounded(statement)
    if not why or state.is_new(statement.table) or not statement.table:
        return
    table, verb = quoted(statement.table), statement.kind.upper()
    yield Said(
        "unbatched-backfill",
        softer(
            HIGH if statement.kind == "delete" and not statement.says("WHERE") else MEDIUM,
            state.is_small(statement.table),
        ),
        f"{verb} of {table} {why}: one transaction locks all those rows, and writes a log that replicas must follow",
        f"repeat until nothing is left, each in a transaction of its own: {verb} … WHERE ctid IN (SELECT ctid"
        f" FROM {table}"
        " WHERE … LIMIT 5000)",
    )


def _enum_value(statement: Statement, state: State) -> Iterator[Said]:
    if not state.in_transaction or statement.name in state.types:
        return
    name, value = quoted(statement.name), statement.value
    used = any(
        each.line > statement.line and any(token.text == value for token in each.tokens)
        for each in state.every
    )
    if state.pg_version < 12:
        why = "ALTER TYPE … ADD VALUE cannot run inside a transaction before PostgreSQL 12"
    elif used:
        why = f"{value} is used in the transaction that adds it to {name}: PostgreSQL refuses that"
    elif state.explicit:
        why = f"{value} of {name} cannot be used before this transaction ends: whatever does, fails"
    else:
        return
    yield Said(
        "enum-add-value-in-transaction",
        HIGH if used or state.pg_version < 12 else MEDIUM,
        why,
        f"ALTER TYPE {name} ADD VALUE {value} in a file of its own, outside of a transaction; use it in the next one",
    )
