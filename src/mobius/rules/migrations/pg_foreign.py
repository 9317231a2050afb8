"""PostgreSQL: foreign keys whose own column has no index."""

from __future__ import annotations

from collections.abc import Iterator

from mobius.rules.migrations.nouns import Statement
from mobius.rules.migrations.said import ALONE, LOW, Said, derived, quoted, steps
from mobius.rules.migrations.state import State


def unindexed_foreign_keys(statement: Statement, state: State) -> Iterator[Said]:
    """Columns that get a foreign key here and an index nowhere in the script. A column that was there before may have
    one already: nothing is said of it where the key is added in the safe way, step by step, unless the database told
    of its columns, or the script makes an index that cannot serve (a partial one, or one that begins otherwise)."""
    table_name = statement.table
    if statement.kind == "create table":
        keys = [each.columns for each in statement.constraints if each.kind == "foreign" and each.columns]
    else:
        added = [action.defined for action in statement.actions if action.defined is not None]
        keys = [(column.name,) for column in added if column.has("foreign")]
        own = {str(column.name) for column in added}
        for action in statement.actions:
            constraint = action.constraint
            if constraint is None or constraint.kind != "foreign" or not constraint.columns:
                continue
            first = constraint.columns[0]
            new = first in own or state.is_new(table_name) or state.is_own_column(table_name, first)
            half = (str(table_name), str(first)) in state.script.half_indexed
            told = first in state.known.columns.get(str(table_name), {}) and not state.is_small(table_name)
            if new or half or told or not constraint.not_valid:
                keys.append(constraint.columns)
    for columns in dict.fromkeys(keys):
        if any(_leads_an_index(str(table_name), str(column), state) for column in columns):
            continue
        table, named = quoted(table_name), ", ".join(quoted(column) for column in columns)
        yield Said(
            "foreign-key-without-index",
            LOW,
            f"{table} refers to another table by {named}, and gets no index on it here: without one each DELETE there"
            f" reads all of {table}",
            steps(
                f"CREATE INDEX CONCURRENTLY {derived(table_name, *columns, 'idx')} ON {table} ({named})",
                how=ALONE,
            ),
        )


def _leads_an_index(table: str, column: str, state: State) -> bool:
    return (table, column) in state.script.indexed or (table, column) in state.known.indexed
