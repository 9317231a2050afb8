"""The actions of an ALTER TABLE."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.rules.migrations.columns import column_of, constraint_of, is_constraint
from mobius.rules.migrations.cursor import Cursor, split, written
from mobius.rules.migrations.nouns import Action
from mobius.rules.migrations.tokens import Token


def actions_of(tokens: Sequence[Token]) -> tuple[Action, ...]:
    """What follows the name of the table, action by action."""
    return tuple(_action(Cursor(part)) for part in split(tokens))


def _action(cursor: Cursor) -> Action:
    if cursor.take("ADD"):
        return _added(cursor)
    if cursor.take("DROP"):
        return _dropped(cursor)
    if cursor.take("RENAME"):
        return _renamed(cursor)
    if cursor.take("ALTER", "CONSTRAINT"):
        return Action("alter constraint", name=cursor.name())
    if cursor.take("ALTER"):
        cursor.take("COLUMN")
        return _altered(cursor, cursor.name())
    if cursor.take("VALIDATE", "CONSTRAINT"):
        return Action("validate", name=cursor.name())
    if cursor.take("ATTACH", "PARTITION"):
        return Action("attach", name=cursor.name())
    if cursor.take("DETACH", "PARTITION"):
        name = cursor.name()
        return Action("detach", name=name, concurrently=bool(cursor.any_of("CONCURRENTLY", "FINALIZE")))
    if cursor.take("DISABLE", "TRIGGER"):
        return Action("disable trigger", name=cursor.name())
    if cursor.take("REPLICA", "IDENTITY"):
        return Action("replica identity", name=cursor.peek().lower())
    if cursor.take("SET"):
        return _set(cursor)
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
        return Action("drop constraint", name="primary key")
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


def _altered(cursor: Cursor, column: str) -> Action:
    if cursor.take("SET", "NOT", "NULL"):
        return Action("set not null", column)
    if cursor.take("DROP", "NOT", "NULL"):
        return Action("drop not null", column)
    if cursor.take("DROP", "DEFAULT"):
        return Action("drop default", column)
    if cursor.take("SET", "DATA", "TYPE") or cursor.take("TYPE"):
        kind = written(cursor.until("USING", "COLLATE"))
        return Action("alter type", column, type=kind, using="USING" in (cursor.peek(), cursor.peek(2)))
    if cursor.take("SET", "EXPRESSION"):
        return Action("set expression", column)
    return Action("other", column)


def _set(cursor: Cursor) -> Action:
    kind = cursor.any_of("LOGGED", "UNLOGGED", "TABLESPACE", "SCHEMA")
    if kind == "SCHEMA":
        return Action("set schema", name=cursor.name())
    if kind or cursor.take("ACCESS", "METHOD"):
        return Action("rewrite", name=f"SET {kind or 'ACCESS METHOD'}")
    return Action("other")
