"""PostgreSQL: what ALTER TABLE does to columns."""

from __future__ import annotations

from collections.abc import Iterator

from mobius.rules.migrations.columns import is_serial
from mobius.rules.migrations.defaults import why_it_rewrites
from mobius.rules.migrations.nouns import Action, Column, Statement
from mobius.rules.migrations.said import HIGH, LOW, MEDIUM, Said, quoted, softer
from mobius.rules.migrations.state import State
from mobius.rules.migrations.widening import keeps_the_bytes


def column_hazards(statement: Statement, action: Action, state: State) -> Iterator[Said]:
    """The hazards of one action on a table that others use."""
    table, column = quoted(statement.table), quoted(action.column)
    match action.kind:
        case "add column" if action.defined is not None:
            yield from _added(statement.table, action.defined, state)
        case "drop column" if (statement.table, action.column) not in state.columns:
            yield Said(
                "drop-column",
                HIGH,
                f"drops {table}.{column}: its data is gone, and the release that is live still reads it",
                f"ship a release that no longer names {column}; drop it with the release after that."
                " Going back needs the data from a backup",
            )
        case "alter type" if (statement.table, action.column) not in state.columns:
            yield from _retyped(statement.table, action, state)
        case "set not null":
            yield from _required(statement.table, action.column, state)
        case "drop not null":
            yield Said(
                "drop-not-null",
                MEDIUM,
                f"{table}.{column} may be null from now on: code that reads it, the previous release's too, may"
                " not expect that",
                "make sure that every reader takes null, then accept this finding",
            )
        case "rename column" if (statement.table, action.column) not in state.columns:
            new = quoted(action.name)
            yield Said(
                "rename-column",
                HIGH,
                f"renames {table}.{column} to {new}: the release that is live asks for {column} and fails",
                f"ALTER TABLE {table} ADD COLUMN {new} …; write both, copy the rows in batches, read {new};"
                f" drop {column} a release later",
            )
        case "set expression":
            yield Said(
                "full-table-rewrite-command",
                HIGH,
                f"a new expression for {table}.{column} writes every row anew; nobody can read meanwhile",
                "add another column, fill it in batches, and change over to it",
            )
        case _:
            return


def _added(table_name: str, column: Column, state: State) -> Iterator[Said]:
    table, name, kind = quoted(table_name), quoted(column.name), column.type or "…"
    small = state.is_small(table_name)
    if why := _why_rewritten(column, state.pg_version):
        yield Said(
            "add-column-rewrites-table",
            softer(HIGH, small),
            f"adding {table}.{name} writes every row anew: {why}; nobody can read or write {table} meanwhile",
            f"ALTER TABLE {table} ADD COLUMN {name} {_plain(kind)}; then ALTER COLUMN {name} SET DEFAULT …, and"
            " fill the old"
            " rows in batches",
        )
    has_value = column.default and [token.word for token in column.default] != ["NULL"]
    if has_value and column.not_null and _default_dropped(table_name, column.name, state):
        yield Said(
            "required-column-without-default",
            HIGH,
            f"{table}.{name} is NOT NULL, and its default is dropped again: from then on the previous release's"
            " INSERT fails",
            f"keep the default until no release runs that does not write {name}; drop it with a later one",
        )
    given = has_value or column.generated or is_serial(column.type)
    if column.not_null and not given and not column.has("primary"):
        yield Said(
            "required-column-without-default",
            HIGH,
            f"{table}.{name} is NOT NULL without a default: it fails where there are rows, and the previous release's"
            " INSERT fails afterwards",
            f"ALTER TABLE {table} ADD COLUMN {name} {kind}; fill it in batches, then constrain it"
            f" (CHECK ({name} IS NOT NULL) NOT VALID, VALIDATE, SET NOT NULL)",
        )
    for constraint in column.constraints:
        yield from _inline(table_name, column, constraint.kind, constraint.references, state)


def _default_dropped(table: str, column: str, state: State) -> bool:
    return any(
        action.kind == "drop default" and action.column == column
        for each in state.every
        if each.table == table
        for action in each.actions
    )


def _inline(table_name: str, column: Column, kind: str, references: str, state: State) -> Iterator[Said]:
    table, name, small = quoted(table_name), quoted(column.name), state.is_small(table_name)
    if kind == "foreign":
        other = quoted(references)
        yield Said(
            "foreign-key-validated-under-lock",
            softer(MEDIUM, small),
            f"the foreign key to {other} stops writes to {table} and {other} while it is made and checked",
            f"ADD COLUMN {name} alone; then ADD CONSTRAINT … FOREIGN KEY ({name}) REFERENCES {other} NOT VALID,"
            " and VALIDATE"
            " CONSTRAINT in a transaction of its own",
        )
    elif kind == "unique":
        yield Said(
            "unique-built-under-lock",
            softer(HIGH, small),
            f"UNIQUE on the new column {name} builds its index while nobody can read or write {table}",
            f"CREATE UNIQUE INDEX CONCURRENTLY {column.name}_key ON {table} ({name}); then ADD CONSTRAINT …"
            f" UNIQUE USING INDEX {column.name}_key",
        )
    elif kind == "primary":
        yield Said(
            "primary-key-built-under-lock",
            softer(HIGH, small),
            f"PRIMARY KEY on the new column {name} builds its index while nobody can read or write {table}",
            f"add {name} without it, fill it in batches, CREATE UNIQUE INDEX CONCURRENTLY, then ADD PRIMARY KEY USING"
            " INDEX",
        )
    elif kind == "check":
        yield Said(
            "constraint-validated-under-lock",
            softer(MEDIUM, small),
            f"the CHECK on the new column {name} is tried on every row while nobody can read or write {table}",
            f"ADD COLUMN {name} alone; then ADD CONSTRAINT … CHECK (…) NOT VALID, and VALIDATE CONSTRAINT later",
        )


def _why_rewritten(column: Column, pg_version: int) -> str:
    if is_serial(column.type):
        return f"{column.type} gives each row its own number"
    if column.generated == "identity":
        return "an identity gives each row its own number"
    if column.generated == "stored":
        return "a stored generated column is computed for each row"
    return why_it_rewrites(column.default, pg_version)


def _plain(kind: str) -> str:
    serial = {"bigserial": "bigint", "serial8": "bigint", "smallserial": "smallint", "serial2": "smallint"}
    return serial.get(kind.lower(), "integer" if is_serial(kind) else kind)


def _retyped(table_name: str, action: Action, state: State) -> Iterator[Said]:
    was = state.known.columns.get(table_name, {}).get(action.column, "")
    if was and not action.using and keeps_the_bytes(was, action.type):
        return
    table, column = quoted(table_name), quoted(action.column)
    before = f"from {was} " if was else ""
    yield Said(
        "column-type-change",
        softer(HIGH, state.is_small(table_name)),
        f"changing {table}.{column} {before}to {action.type} may write every row and index anew; nobody can read"
        " or write"
        f" {table} meanwhile",
        f"ADD COLUMN {action.column}_new {action.type}; write both, fill it in batches, read it; drop {column} a"
        " release"
        " later. A varchar that only gets longer, or becomes text, keeps its rows: the rehearsal knows",
    )


def _required(table_name: str, column_name: str, state: State) -> Iterator[Said]:
    table, column = quoted(table_name), quoted(column_name)
    proven = (table_name, column_name) in state.proven | state.known.not_null_checks
    if state.pg_version >= 12 and (proven or _validated_before(table_name, column_name, state)):
        return
    name = f"{table_name}_{column_name}_not_null"
    yield Said(
        "set-not-null-scans",
        softer(HIGH, state.is_small(table_name)),
        f"SET NOT NULL looks at every row of {table} while nobody can read or write it",
        f"ALTER TABLE {table} ADD CONSTRAINT {quoted(name)} CHECK ({column} IS NOT NULL) NOT VALID; then, each"
        " in a transaction"
        f" of its own: VALIDATE CONSTRAINT {quoted(name)}; ALTER COLUMN {column} SET NOT NULL"
        + (
            ""
            if state.pg_version >= 12
            else " (which scans again before PostgreSQL 12: keep the CHECK instead)"
        ),
    )


def _validated_before(table: str, column: str, state: State) -> bool:
    """A constraint of an earlier file that is validated here, and whose name says that it is this column's."""
    return any(
        table == validated
        and column.lower() in name.lower()
        and ("null" in name.lower() or "nn" in name.lower())
        for validated, name in state.validated
        if (validated, name) not in state.checks
    )


def unindexed_foreign_keys(statement: Statement, state: State) -> Iterator[Said]:
    """Columns that get a foreign key here and an index nowhere in the script."""
    if statement.kind == "create table":
        keys = [each.columns for each in statement.constraints if each.kind == "foreign" and each.columns]
        led = {
            c.columns[0]
            for c in statement.constraints
            if c.kind in ("unique", "primary", "exclude") and c.columns
        }
    else:
        added = [action.defined for action in statement.actions if action.defined is not None]
        keys = [(column.name,) for column in added if column.has("foreign")]
        keys += [
            action.constraint.columns
            for action in statement.actions
            if action.constraint is not None
            and action.constraint.kind == "foreign"
            and (statement.table, action.constraint.columns[:1][0] if action.constraint.columns else "")
            in state.columns
        ]
        led = {column.name for column in added if column.has("unique") or column.has("primary")}
    for columns in dict.fromkeys(keys):
        first = columns[0]
        known = (statement.table, first) in state.known.indexed
        if first in led or known or _indexed_in_script(statement.table, first, state):
            continue
        table, column = quoted(statement.table), quoted(first)
        yield Said(
            "foreign-key-without-index",
            LOW,
            f"{table}.{column} refers to another table and has no index: each DELETE there reads all of {table}",
            f"CREATE INDEX CONCURRENTLY ON {table} ({column})",
        )


def _indexed_in_script(table: str, column: str, state: State) -> bool:
    for each in state.every:
        if (
            each.kind == "create index"
            and each.table == table
            and each.columns[:1] == (column,)
            and not each.partial
        ):
            return True
        for action in each.actions if each.table == table else ():
            constraint = action.constraint
            if (
                constraint
                and constraint.kind in ("unique", "primary")
                and constraint.columns[:1] == (column,)
            ):
                return True
    return False
