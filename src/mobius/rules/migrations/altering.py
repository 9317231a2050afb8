"""The actions of an ALTER TABLE."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.rules.migrations.columns import column_of, constraint_of, is_constraint
from mobius.rules.migrations.cursor import Cursor, Name, bare, split, written
from mobius.rules.migrations.nouns import Action
from mobius.rules.migrations.tokens import Token


def actions_of(tokens: Sequence[Token]) -> tuple[Action, ...]:
    """What follows the name of the table, action by action."""
    return tuple(_action(Cursor(part)) for part in split(tokens))


def _action(cursor: Cursor) -> Action:
    match cursor.any_of("ADD", "DROP", "RENAME", "ALTER", "SET"):
        case "ADD":
            return _added(cursor)
        case "DROP":
            return _dropped(cursor)
        case "RENAME":
            return _renamed(cursor)
        case "ALTER" if cursor.take("CONSTRAINT"):
            return Action("alter constraint", name=cursor.name())
        case "ALTER":
            cursor.take("COLUMN")
            return _altered(cursor, cursor.name())
        case "SET":
            return _set(cursor)
    if cursor.take("VALIDATE", "CONSTRAINT"):
        return Action("validate", name=cursor.name())
    if cursor.take("ATTACH", "PARTITION"):
        return Action("attach", name=cursor.name())
    if cursor.take("DETACH", "PARTITION"):
        name = cursor.name()
        if cursor.take("FINALIZE"):
            return Action("settings")
        return Action("detach", name=name, concurrently=cursor.take("CONCURRENTLY"))
    if cursor.take("DISABLE", "TRIGGER"):
        every = (
            not cursor.done and cursor.tokens[cursor.at].kind == "word" and cursor.peek() in ("ALL", "USER")
        )
        return Action("disable triggers" if every else "disable trigger", name=cursor.name())
    if cursor.take("REPLICA", "IDENTITY"):
        return Action("replica identity", name=cursor.name())
    if cursor.take("ENABLE", "TRIGGER") or cursor.take("ENABLE", "ALWAYS", "TRIGGER"):
        return Action("enable trigger")
    if cursor.peek() in ("RESET", "CLUSTER"):
        return Action("settings")
    return Action("other")


def _added(cursor: Cursor) -> Action:
    if not cursor.take("COLUMN") and is_constraint(cursor):
        constraint = constraint_of(cursor.rest())
        return Action("add constraint", constraint=constraint, name=constraint.name)
    exists = cursor.skip_if_exists()
    if cursor.peek() == "(":  # ADD (a int, b int): not of PostgreSQL
        return Action("other")
    column = column_of(cursor.rest())
    return Action("add column", column=column.name, defined=column, if_exists=exists)


def _dropped(cursor: Cursor) -> Action:
    if cursor.take("CONSTRAINT"):
        exists = cursor.skip_if_exists()
        return Action("drop constraint", name=cursor.name(), if_exists=exists)
    if (cursor.peek(), cursor.peek(1)) == ("PRIMARY", "KEY"):
        return Action("drop constraint", name=Name("primary key"))
    cursor.take("COLUMN")
    exists = cursor.skip_if_exists()
    return Action("drop column", column=cursor.name(), if_exists=exists)


def _renamed(cursor: Cursor) -> Action:
    if cursor.take("TO"):
        return Action("rename table", name=cursor.name())
    if cursor.take("CONSTRAINT"):
        return Action("rename constraint", name=cursor.name())
    cursor.take("COLUMN")
    column = cursor.name()
    cursor.take("TO")
    return Action("rename column", column=column, name=cursor.name())


def _altered(cursor: Cursor, column: Name) -> Action:
    if cursor.take("SET", "NOT", "NULL"):
        return Action("set not null", column)
    if cursor.take("DROP", "NOT", "NULL"):
        return Action("drop not null", column)
    if cursor.take("DROP", "DEFAULT"):
        return Action("drop default", column)
    if cursor.take("SET", "DATA", "TYPE") or cursor.take("TYPE"):
        kind = written(cursor.until("USING", "COLLATE"))
        return Action("alter type", column, type=kind, using=not _is_a_plain_cast(cursor, column, kind))
    if cursor.take("SET", "EXPRESSION"):
        return Action("set expression", column)
    if cursor.take("SET", "STATISTICS") or cursor.take("SET", "(") or cursor.take("RESET", "("):
        return Action("settings", column)
    return Action("other", column)


def _is_a_plain_cast(cursor: Cursor, column: Name, kind: str) -> bool:
    """Whether what follows the type says nothing more: nothing at all, or `USING c::text` of c to text."""
    if not cursor.take("USING"):
        return cursor.done
    cast = Cursor(bare(cursor.rest()))
    return cast.name() == column and (
        cast.done or (cast.take("::") and written(cast.rest()).lower() == kind.lower())
    )


def _set(cursor: Cursor) -> Action:
    kind = cursor.any_of("LOGGED", "UNLOGGED", "TABLESPACE", "SCHEMA")
    if kind == "SCHEMA":
        return Action("set schema", name=cursor.name())
    if kind or cursor.take("ACCESS", "METHOD"):
        return Action("rewrite", name=Name(f"SET {kind or 'ACCESS METHOD'}"))
    if cursor.take("WITH", "OIDS"):
        return Action("rewrite", name=Name("SET WITH OIDS"))
    if cursor.peek() == "(" or cursor.take("WITHOUT"):
        return Action("settings")
    return Action("other")
