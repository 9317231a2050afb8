"""SQLite: what it refuses, what stops writers, and the rebuild of a table that deletes rows of others.

Its ALTER TABLE renames, adds and drops columns and does nothing else (sqlite.org, "ALTER TABLE"); a foreign key action
fires on the implied DELETE of a DROP TABLE while foreign keys are on, and PRAGMA foreign_keys is a no-op inside a
transaction (sqlite.org, "SQLite Foreign Key Support", 5 and "PRAGMA foreign_keys").
"""

from __future__ import annotations

from collections.abc import Iterator

from mobius.rules.migrations.bounds import why_unbounded
from mobius.rules.migrations.nouns import Action, Column, Statement
from mobius.rules.migrations.said import HIGH, MEDIUM, Said, quoted, softer
from mobius.rules.migrations.sqlite_refused import refused
from mobius.rules.migrations.state import State

_REBUILD = (
    "outside of a transaction: PRAGMA foreign_keys=OFF; then BEGIN, make the new table, copy, drop the old,"
    " rename, PRAGMA"
    " foreign_key_check, COMMIT; then PRAGMA foreign_keys=ON"
)
_WITHOUT = "write it as SQLite has it: one change for each ALTER TABLE, DELETE FROM for TRUNCATE"
_ALL_IT_DOES = "add, drop or rename a column, or rename the table"
_SAID_AS_WRITTEN = (
    "add constraint",
    "alter type",
    "set not null",
    "drop not null",
    "drop constraint",
    "drop default",
)
_YES = ("on", "1", "true", "yes")
_NO = ("off", "0", "false", "no")
_NOT_CONSTANT = ("CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "(")


def hazards_of(statement: Statement, state: State) -> Iterator[Said]:
    """What this statement does to an SQLite database."""
    table = quoted(statement.table)
    if why := refused(statement):
        hazard = "sqlite-alter-refused" if statement.kind == "alter table" else "sqlite-statement-refused"
        yield Said(hazard, HIGH, f"SQLite {why}: the migration fails here", _WITHOUT)
        return
    match statement.kind:
        case "pragma" if statement.name == "writable_schema" and statement.value not in (*_NO, "", "reset"):
            yield Said(
                "sqlite-writable-schema",
                HIGH,
                "with writable_schema on, a mistake in sqlite_schema leaves a database that cannot be opened",
                f"rebuild the table: {_REBUILD}",
            )
        case "alter table":
            for action in statement.actions:
                yield from _altered(statement, action, state)
        case "pragma" if statement.name == "foreign_keys" and statement.value in _NO:
            if state.in_transaction:
                yield Said(
                    "sqlite-foreign-keys-pragma-in-transaction",
                    HIGH,
                    "PRAGMA foreign_keys does nothing inside a transaction: foreign keys stay on, and a rebuild"
                    " deletes what"
                    " refers to the old table (ON DELETE CASCADE), without an error",
                    _REBUILD,
                )
        case "drop table" if not state.is_new(statement.table):
            yield from _dropped(statement, state)
        case "update" | "delete" if (
            statement.table and not state.is_new(statement.table) and why_unbounded(statement)
        ):
            verb = statement.kind.upper()
            yield Said(
                "unbatched-backfill",
                softer(MEDIUM, state.is_small(statement.table)),
                f"{verb} of {table} {why_unbounded(statement)}: nobody else can write to the database until it is done",
                f"repeat until nothing is left, each in a transaction of its own: {verb} … WHERE rowid IN"
                f" (SELECT rowid FROM {table}"
                " WHERE … LIMIT 5000)",
            )
        case "create index" if not state.is_new(statement.table):
            yield _writers_wait(f"CREATE INDEX reads all of {table}", state.is_small(statement.table))
        case "reindex" if not state.is_new(statement.name):
            yield _writers_wait("REINDEX reads whole tables", False)
        case "vacuum" | "vacuum full":
            yield _writers_wait("VACUUM writes the whole database anew", False)
        case _:
            return


def _dropped(statement: Statement, state: State) -> Iterator[Said]:
    table = quoted(statement.table)
    if statement.table not in state.script.renamed_to:
        yield Said(
            "drop-table",
            HIGH,
            f"drops {table}: its data is gone, and the release that is live still reads it",
            "ship a release that no longer names it; drop it with the release after that. Going back needs a backup",
        )
    elif state.settings.get("foreign_keys") not in _NO:
        yield Said(
            "sqlite-rebuild-with-foreign-keys-on",
            HIGH,
            f"this rebuilds {table} while foreign keys may be on: dropping the old table deletes, without an"
            " error, every row"
            " that refers to it with ON DELETE CASCADE",
            _REBUILD,
        )


def _altered(statement: Statement, action: Action, state: State) -> Iterator[Said]:
    table, column = quoted(statement.table), quoted(action.column)
    new = state.is_new(statement.table)
    match action.kind:
        case "add column" if action.defined is not None:
            if why := _why_refused(action.defined):
                hazard = (
                    "required-column-without-default"
                    if why.startswith("NOT NULL")
                    else "sqlite-alter-refused"
                )
                yield Said(
                    hazard, HIGH, f"SQLite refuses ADD COLUMN {column}: {why}", f"rebuild {table}: {_REBUILD}"
                )
        case "drop column" if not new:
            yield Said(
                "drop-column",
                HIGH,
                f"drops {table}.{column}: its data is gone, the release that is live still reads it, and every"
                " row is written"
                " anew while nobody can write",
                f"ship a release that no longer names {column}; drop it with the release after that",
            )
        case "rename column" if not new:
            yield Said(
                "rename-column",
                HIGH,
                f"renames {table}.{column}: the release that is live asks for {column} and fails",
                f"add {quoted(action.name)}, write both, copy the rows in batches; drop {column} a release later",
            )
        case "rename table" if not new and statement.table in state.script.made:
            if state.settings.get("legacy_alter_table") not in _YES:
                moved = quoted(action.name)
                yield Said(
                    "rename-table",
                    HIGH,
                    f"foreign keys, triggers and views of other tables follow {table} to {moved} (since SQLite 3.26),"
                    f" and name {moved} when it is gone",
                    f"make the new table under another name first. {_REBUILD}",
                )
        case "rename table" if not new:
            yield Said(
                "rename-table",
                HIGH,
                f"renames {table}: the release that is live asks for {table} and fails",
                f"CREATE VIEW {table} AS SELECT * FROM {quoted(action.name)}, for a release that only reads",
            )
        case "drop column" | "rename column" | "rename table":
            return
        case kind:
            words = (
                f" … {kind.upper()}" if kind in _SAID_AS_WRITTEN else f" that does more than {_ALL_IT_DOES}"
            )
            yield Said(
                "sqlite-alter-refused",
                HIGH,
                f"SQLite has no ALTER TABLE{words}: the migration fails here",
                f"rebuild {table}: {_REBUILD}",
            )


def _why_refused(column: Column) -> str:
    default = column.default
    if len(default) in (3, 4) and (default[0].word, default[-1].word) == ("(", ")"):
        default = default[1:-1]  # (1) and (-1) are constants, (1 + 1) is not
    words = [token.word for token in default]
    if column.has("primary"):
        return "PRIMARY KEY cannot be added"
    if column.has("unique"):
        return "UNIQUE cannot be added"
    if column.generated == "stored":
        return "a STORED generated column cannot be added"
    if words and words[0] in _NOT_CONSTANT:
        return "its default is not a constant (and that is refused where there are rows)"
    if column.not_null and (not words or words == ["NULL"]) and not column.generated:
        return "NOT NULL needs a default that is not null"
    if column.has("foreign") and words and words != ["NULL"]:
        return "with REFERENCES its default must be null while foreign keys are on"
    return ""


def _writers_wait(what: str, small: bool) -> Said:
    return Said(
        "sqlite-writers-blocked",
        softer(MEDIUM, small),
        f"{what}: nobody else can write until it is done, and without WAL nobody can read",
        "let the rehearsal measure how long; deploy when few write",
    )
