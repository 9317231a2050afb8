"""PostgreSQL: tables and types as a whole, and changes of rows."""

from __future__ import annotations

from collections.abc import Iterator

from mobius.rules.migrations.bookkeeping import keeps_the_books
from mobius.rules.migrations.bounds import why_unbounded
from mobius.rules.migrations.nouns import Statement
from mobius.rules.migrations.pg_foreign import unindexed_foreign_keys
from mobius.rules.migrations.pg_indexes import index_hazards
from mobius.rules.migrations.pg_tables import altered, replication_breaks
from mobius.rules.migrations.pg_types import type_hazards
from mobius.rules.migrations.said import HIGH, MEDIUM, Said, quoted, softer, steps
from mobius.rules.migrations.state import State


def hazards_of(statement: Statement, state: State) -> Iterator[Said]:
    """What this statement does by itself, given what the script did before it."""
    match statement.kind:
        case "alter table":
            yield from altered(statement, state)
        case "create table":
            yield from unindexed_foreign_keys(statement, state)
        case "create index" | "drop index" | "reindex":
            yield from index_hazards(statement, state)
        case "drop table" | "drop schema" | "drop owned" | "drop database":
            yield from _dropped(statement, state)
        case "truncate":
            yield from _truncated(statement, state)
        case "vacuum full" | "cluster":
            yield from _rewritten(statement, state)
        case "refresh" if not statement.concurrently and not state.is_new(statement.table):
            name = quoted(statement.table)
            yield Said(
                "full-table-rewrite-command",
                MEDIUM,
                f"nobody can read {name} while it is computed anew",
                steps(
                    f"REFRESH MATERIALIZED VIEW CONCURRENTLY {name}",
                    how="it needs a unique index on columns of the view",
                ),
            )
        case "update" | "delete" | "merge":
            yield from _backfill(statement, state)
        case "insert" if statement.value == "upserts" and not state.is_new(statement.table):
            table = quoted(statement.table)
            yield Said(
                "unbatched-backfill",
                softer(MEDIUM, state.is_small(statement.table)),
                f"INSERT writes over rows of {table}, as many as it reads: one transaction locks them all",
                "read them in batches, WHERE … LIMIT 5000, each in a transaction of its own",
            )
        case "publish":
            for table in statement.tables:
                if table in state.script.made and table not in state.script.identified:
                    yield replication_breaks(quoted(table), "without a primary key")
        case "rename schema" if statement.name not in state.schemas:
            yield Said(
                "rename-table",
                HIGH,
                f"renames the schema {quoted(statement.name)}: the release that is live asks for its tables and fails",
                "keep the old schema with views on the tables; drop it a release later",
            )
        case "set" if statement.name == "session_replication_role" and statement.value == "replica":
            if statement.only and not state.in_transaction:
                return  # LOCAL to nothing
            yield Said(
                "disable-trigger-all",
                HIGH,
                "session_replication_role switches off triggers and foreign keys of every table",
                "disable the one trigger that is in the way, by its name",
            )
        case _:
            yield from type_hazards(statement, state)


def _dropped(statement: Statement, state: State) -> Iterator[Said]:
    if statement.kind == "drop database":
        message = f"drops the database {quoted(statement.name)}: all of it is gone"
        yield Said("drop-database", HIGH, message, "leave it out")
        return
    if statement.kind != "drop table":
        if statement.name in state.schemas:
            return
        schema = f"the schema {quoted(statement.name)}"
        what = (
            f"{schema} with every table in it" if statement.kind == "drop schema" else "all that a role owns"
        )
        everything = statement.cascade or statement.kind == "drop owned"
        yield Said(
            "drop-table" if everything else "drop-schema",
            HIGH if everything else MEDIUM,
            f"drops {what}" if everything else f"drops {schema}; PostgreSQL refuses where something is in it",
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


def _rewritten(statement: Statement, state: State) -> Iterator[Said]:
    if state.is_new(statement.table):
        return
    table = quoted(statement.table) if statement.table else "every table"
    full = statement.kind == "vacuum full"
    plain = steps(
        f"VACUUM {table}", how="is enough for most; pg_repack gives back space while the table is in use"
    )
    yield Said(
        "full-table-rewrite-command",
        softer(HIGH, state.is_small(statement.table)),
        f"{'VACUUM FULL' if full else 'CLUSTER'} writes {table} anew; nobody can read or write it meanwhile",
        plain if full and statement.table else "pg_repack does it while the table is in use",
    )


def _backfill(statement: Statement, state: State) -> Iterator[Said]:
    if not statement.table or state.is_new(statement.table) or keeps_the_books(statement.table):
        return
    why = why_unbounded(statement)
    if not why and statement.repeated:
        why = "is repeated in a loop without COMMIT"
    if not why:
        return
    table, verb = quoted(statement.table), statement.kind.upper()
    everything = statement.kind == "delete" and not statement.says("WHERE")
    yield Said(
        "unbatched-backfill",
        softer(HIGH if everything else MEDIUM, state.is_small(statement.table)),
        f"{verb} of {table} {why}: one transaction locks all those rows, and writes a log that replicas must follow",
        f"repeat until nothing is left, each in a transaction of its own: {verb} … WHERE ctid IN (SELECT ctid"
        f" FROM {table} WHERE … LIMIT 5000)",
    )
