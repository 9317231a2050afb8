"""PostgreSQL: what ALTER TABLE does to columns."""

from __future__ import annotations

from collections.abc import Iterator

from mobius.rules.migrations.columns import is_serial
from mobius.rules.migrations.cursor import Name, written
from mobius.rules.migrations.defaults import is_null, why_it_rewrites
from mobius.rules.migrations.nouns import Action, Column, Constraint, Statement
from mobius.rules.migrations.said import ALONE, APART, HIGH, LOW, MEDIUM, Said, derived, quoted, softer, steps
from mobius.rules.migrations.state import State
from mobius.rules.migrations.widening import keeps_the_bytes

_PLAIN = {"bigserial": "bigint", "serial8": "bigint", "smallserial": "smallint", "serial2": "smallint"}


def column_hazards(statement: Statement, action: Action, state: State) -> Iterator[Said]:
    """The hazards of one action on a table that others use."""
    table, column = quoted(statement.table), quoted(action.column)
    own = state.is_own_column(statement.table, action.column)
    match action.kind:
        case "add column" if action.defined is not None:
            yield from _added(statement.table, action.defined, state)
        case "drop column" if not own:
            yield Said(
                "drop-column",
                HIGH,
                f"drops {table}.{column}: its data is gone, and the release that is live still reads it",
                f"ship a release that no longer names {column}; drop it with the release after that."
                " Going back needs the data from a backup",
            )
        case "alter type" if not own:
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
        case "rename column" if not own:
            new = quoted(action.name)
            yield Said(
                "rename-column",
                HIGH,
                f"renames {table}.{column} to {new}: the release that is live asks for {column} and fails",
                f"add {new} to {table}, write both, copy the rows in batches, read {new};"
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


def _added(table_name: Name, column: Column, state: State) -> Iterator[Said]:
    table, name, kind = quoted(table_name), quoted(column.name), column.type or "text"
    small = state.is_small(table_name)
    if why := _why_rewritten(column, state):
        yield Said(
            "add-column-rewrites-table",
            softer(HIGH, small),
            f"adding {table}.{name} writes every row anew: {why}; nobody can read or write {table} meanwhile",
            _filled_later(table, name, column),
        )
    has_value = not is_null(column.default)
    if has_value and column.not_null and (table_name, column.name) in state.script.defaults_dropped:
        yield Said(
            "required-column-without-default",
            HIGH,
            f"{table}.{name} is NOT NULL, and its default is dropped again: from then on the previous release's"
            " INSERT fails",
            f"keep the default until no release runs that does not write {name}; drop it with a later one",
        )
    required = column.not_null or column.has("primary")
    given = has_value or column.generated or is_serial(column.type)
    if required and not given:
        yield Said(
            "required-column-without-default",
            HIGH,
            f"{table}.{name} is NOT NULL without a default: it fails where there are rows, and the previous release's"
            " INSERT fails afterwards",
            steps(
                f"ALTER TABLE {table} ADD COLUMN {name} {kind}",
                how=f"fill it in batches; when no release runs that does not write {name}: CHECK ({name} IS NOT NULL)"
                " NOT VALID, VALIDATE CONSTRAINT, SET NOT NULL",
            ),
        )
    for constraint in column.constraints:
        yield from _inline(table_name, column, constraint, state)


def _filled_later(table: str, name: str, column: Column) -> str:
    kind = column.type.lower()
    kind = _PLAIN.get(kind, "integer" if is_serial(kind) else column.type or "text")
    add = f"ALTER TABLE {table} ADD COLUMN {name} {kind}"
    if column.default:
        default = f"ALTER TABLE {table} ALTER COLUMN {name} SET DEFAULT {written(column.default)}"
        return steps(add, default, how="then fill the old rows in batches")
    what = (
        "a trigger writes it for new rows"
        if column.generated == "stored"
        else "new rows take it from a sequence"
    )
    return steps(add, how=f"{what}; fill the old rows in batches")


def _inline(table_name: Name, column: Column, constraint: Constraint, state: State) -> Iterator[Said]:
    table, name, small = quoted(table_name), quoted(column.name), state.is_small(table_name)
    kind = column.type or "text"
    add = f"ALTER TABLE {table} ADD COLUMN {name} {kind}"
    label = quoted(constraint.name) if constraint.name else ""
    if constraint.not_valid:
        return
    if constraint.kind == "foreign":
        yield _referring(table_name, column, constraint, label, small)
    elif constraint.kind == "unique":
        index = label or derived(table_name, column.name, "key")
        yield Said(
            "unique-built-under-lock",
            softer(HIGH, small),
            f"UNIQUE on the new column {name} builds its index while nobody can read or write {table}",
            steps(
                add,
                f"CREATE UNIQUE INDEX CONCURRENTLY {index} ON {table} ({name})",
                f"ALTER TABLE {table} ADD CONSTRAINT {index} UNIQUE USING INDEX {index}",
                how=f"the index {ALONE}",
            ),
        )
    elif constraint.kind == "primary":
        yield Said(
            "primary-key-built-under-lock",
            softer(HIGH, small),
            f"PRIMARY KEY on the new column {name} builds its index while nobody can read or write {table}",
            f"add {name} without it, fill it in batches, CREATE UNIQUE INDEX CONCURRENTLY, then ADD PRIMARY KEY USING"
            " INDEX",
        )
    elif constraint.kind == "check":
        label = label or derived(table_name, column.name, "check")
        yield Said(
            "constraint-validated-under-lock",
            softer(MEDIUM, small),
            f"the CHECK on the new column {name} is tried on every row while nobody can read or write {table}",
            steps(
                add,
                f"ALTER TABLE {table} ADD CONSTRAINT {label} {constraint.text} NOT VALID",
                f"ALTER TABLE {table} VALIDATE CONSTRAINT {label}",
                how=APART,
            ),
        )


def _referring(table_name: Name, column: Column, constraint: Constraint, label: str, small: bool) -> Said:
    table, name, other = quoted(table_name), quoted(column.name), quoted(constraint.references)
    label = label or derived(table_name, column.name, "fkey")
    looks = not is_null(column.default)
    message = (
        f"the foreign key looks at every row of {table}, and stops writes to {table} and {other} meanwhile"
        if looks
        else f"the foreign key stops writes to {table} and {other} while it is made, though no row has a value yet"
    )
    return Said(
        "foreign-key-validated-under-lock",
        softer(HIGH if looks else LOW, small),
        message,
        steps(
            f"ALTER TABLE {table} ADD COLUMN {name} {column.type or 'text'}",
            f"ALTER TABLE {table} ADD CONSTRAINT {label} {constraint.text} NOT VALID",
            f"ALTER TABLE {table} VALIDATE CONSTRAINT {label}",
            f"CREATE INDEX CONCURRENTLY {derived(table_name, column.name, 'idx')} ON {table} ({name})",
            how=f"{APART}, the index outside of one",
        ),
    )


def _why_rewritten(column: Column, state: State) -> str:
    if column.type.lower() in state.script.strict_domains:
        return f"the domain {column.type} has a constraint, which is tried on each row"
    if is_serial(column.type):
        return f"{column.type} gives each row its own number"
    if column.generated == "identity":
        return "an identity gives each row its own number"
    if column.generated == "stored":
        return "a stored generated column is computed for each row"
    return why_it_rewrites(column.default, state.pg_version)


def _retyped(table_name: Name, action: Action, state: State) -> Iterator[Said]:
    was = state.known.columns.get(table_name, {}).get(action.column, "")
    if was and not action.using and keeps_the_bytes(was, action.type):
        return
    table, column, new = quoted(table_name), quoted(action.column), derived(action.column, "new")
    before = f"from {was} " if was else ""
    yield Said(
        "column-type-change",
        softer(HIGH, state.is_small(table_name)),
        f"changing {table}.{column} {before}to {action.type} may write every row and index anew; nobody can read"
        f" or write {table} meanwhile",
        steps(
            f"ALTER TABLE {table} ADD COLUMN {new} {action.type}",
            how=f"write both, fill it in batches, read it; drop {column} a release later. A varchar that only gets"
            " longer, or becomes text, keeps its rows: the rehearsal knows",
        ),
    )


def _required(table_name: Name, column_name: Name, state: State) -> Iterator[Said]:
    table, column = quoted(table_name), quoted(column_name)
    proven = (state.key(table_name), column_name) in state.proven
    proven = proven or (table_name, column_name) in state.known.not_null_checks
    if state.pg_version >= 12 and (proven or _validated_before(table_name, column_name, state)):
        return
    name = derived(table_name, column_name, "not_null")
    check = f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} IS NOT NULL) NOT VALID"
    validate = f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}"
    if state.pg_version >= 12:
        set_it = f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL"
        advice = steps(check, validate, set_it, f"ALTER TABLE {table} DROP CONSTRAINT {name}", how=APART)
    else:
        advice = steps(
            check, validate, how=f"{APART}; keep the CHECK: before PostgreSQL 12 SET NOT NULL scans again"
        )
    yield Said(
        "set-not-null-scans",
        softer(HIGH, state.is_small(table_name)),
        f"SET NOT NULL looks at every row of {table} while nobody can read or write it",
        advice,
    )


def _validated_before(table: str, column: str, state: State) -> bool:
    """A constraint of an earlier file that is validated here, and whose name says that it is this column's."""
    made = {(key[1], name) for key, name in state.checks}
    return any(
        table == validated
        and column.lower() in name.lower()
        and ("null" in name.lower() or "nn" in name.lower())
        for validated, name in state.validated
        if (validated, name) not in made
    )
