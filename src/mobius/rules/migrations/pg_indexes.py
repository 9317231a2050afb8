"""PostgreSQL: indexes built, dropped and built anew."""

from __future__ import annotations

from collections.abc import Iterator

from mobius.rules.migrations.cursor import written
from mobius.rules.migrations.nouns import Statement
from mobius.rules.migrations.pg_tables import in_a_transaction
from mobius.rules.migrations.said import ALONE, HIGH, MEDIUM, Said, derived, quoted, softer, steps
from mobius.rules.migrations.state import State


def index_hazards(statement: Statement, state: State) -> Iterator[Said]:
    """What CREATE INDEX, DROP INDEX and REINDEX stop, or leave behind."""
    match statement.kind:
        case "create index":
            yield from _built(statement, state)
        case "drop index":
            yield from _dropped(statement, state)
        case "reindex":
            yield from _rebuilt(statement, state)


def _built(statement: Statement, state: State) -> Iterator[Said]:
    if statement.concurrently:
        if state.in_transaction:
            yield in_a_transaction("CREATE INDEX CONCURRENTLY")
        if statement.guarded and statement.name not in state.dropped_indexes:
            name = quoted(statement.name)
            yield Said(
                "invalid-index-retry",
                MEDIUM,
                f"where an earlier try of {name} was interrupted, an invalid index of this name is there: IF NOT"
                " EXISTS keeps it, and no query uses it",
                steps(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", _concurrently(statement), how=ALONE),
            )
        return
    if state.is_new(statement.table) or statement.only:
        return
    table = quoted(statement.table)
    yield Said(
        "index-build-blocks-writes",
        softer(HIGH, state.is_small(statement.table)),
        f"nobody can write to {table} while its index is built",
        steps(_concurrently(statement), how=ALONE),
    )


def _concurrently(statement: Statement) -> str:
    """The same index, all that was said of it, built while the table is in use."""
    name = quoted(statement.name) if statement.name else derived(statement.table, *statement.columns, "idx")
    words = [token.word for token in statement.tokens]
    after = statement.tokens[words.index("ON") + 1 :] if "ON" in words else ()
    unique = "UNIQUE " if statement.value else ""
    return f"CREATE {unique}INDEX CONCURRENTLY {name} ON {written(after)}"


def _dropped(statement: Statement, state: State) -> Iterator[Said]:
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
            steps(*(f"DROP INDEX CONCURRENTLY {name}" for name in names), how=ALONE),
        )


def _rebuilt(statement: Statement, state: State) -> Iterator[Said]:
    if statement.concurrently:
        if state.in_transaction:
            yield in_a_transaction("REINDEX CONCURRENTLY")
        return
    if state.is_new(statement.name):
        return
    message = "nobody can write to the table, nor read by the index, while it is built anew"
    if not statement.name or statement.value in ("SYSTEM", ""):
        yield Said(
            "reindex-blocks",
            HIGH,
            message,
            f"one index after another: REINDEX INDEX CONCURRENTLY with its name, {ALONE}",
        )
        return
    safe = steps(f"REINDEX {statement.value} CONCURRENTLY {quoted(statement.name)}", how=ALONE)
    old = "make the same index anew with CREATE INDEX CONCURRENTLY, and drop the old one CONCURRENTLY"
    yield Said("reindex-blocks", HIGH, message, safe if state.pg_version >= 12 else old)
