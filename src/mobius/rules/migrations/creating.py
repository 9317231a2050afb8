"""What CREATE says: tables, indexes, views, types, triggers and policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mobius.rules.migrations.columns import column_of, constraint_of, is_constraint
from mobius.rules.migrations.cursor import NAMELESS, TEMPORARY, Cursor, Name, names_in, split, unquoted
from mobius.rules.migrations.nouns import Column, Constraint, Statement
from mobius.rules.migrations.tokens import Token

_OF_A_TABLE = ("GLOBAL", "LOCAL", "TEMPORARY", "TEMP", "UNLOGGED", "FOREIGN")


def created(cursor: Cursor, plain: Statement) -> Statement:
    """What follows the word CREATE."""
    replaces = cursor.take("OR", "REPLACE")
    temporary = False
    while word := cursor.any_of(*_OF_A_TABLE):
        temporary = temporary or word.startswith("TEMP")
    if cursor.take("TABLE"):
        return _table(cursor, plain, temporary)
    if cursor.any_of("FUNCTION", "PROCEDURE"):
        made = replace(plain, kind="create function", name=cursor.name())
        cursor.up_to("AS")
        return with_body(made, cursor.rest())
    unique = cursor.take("UNIQUE")
    if cursor.take("INDEX"):
        return _index(cursor, plain, unique)
    cursor.take("RECURSIVE")
    if cursor.take("MATERIALIZED", "VIEW"):
        cursor.skip_if_exists()
        filled = "" if plain.says("WITH", "NO", "DATA") else "filled"
        return replace(plain, kind="create table", tables=(cursor.name(),), value=filled)
    word = cursor.any_of("VIEW", "TYPE", "DOMAIN", "SCHEMA")
    if word:
        cursor.skip_if_exists()
        value = "replaces" if replaces else ""
        return replace(plain, kind=f"create {word.lower()}", name=cursor.name(), value=value)
    if cursor.take("PUBLICATION"):
        cursor.name()
        return published(cursor, plain)
    cursor.take("CONSTRAINT")
    if cursor.take("TRIGGER"):
        return _on_a_table(cursor, replace(plain, kind="create trigger"))
    if cursor.any_of("POLICY", "RULE"):
        return _on_a_table(cursor, replace(plain, kind="rules"))
    return plain


def for_the_session(table: Name) -> Name:
    """A temporary table: nobody else sees it, and it hides one of the same name."""
    return Name(table, TEMPORARY, table.written)


def published(cursor: Cursor, plain: Statement) -> Statement:
    """The tables that a publication gets, by FOR, ADD or SET TABLE; of one that publishes inserts alone, none."""
    tables: list[Name] = []
    if cursor.any_of("FOR", "ADD", "SET") and cursor.take("TABLE"):
        for part in split(cursor.up_to("WITH")):
            inner = Cursor(part)
            inner.take("TABLE")
            inner.take("ONLY")
            tables.append(inner.name())
    said = "".join(token.text.lower() for token in cursor.rest() if token.kind == "string")
    if said and "update" not in said and "delete" not in said:
        return plain
    return replace(plain, kind="publish", tables=tuple(filter(None, tables)))


def with_body(statement: Statement, tokens: Sequence[Token]) -> Statement:
    """With the text that the first string of these holds, and where it begins; as it is where none does."""
    body = next((token for token in tokens if token.kind in ("dollar", "string")), None)
    if body is None:
        return statement
    begins = body.at + (body.text.index("$", 1) + 1 if body.kind == "dollar" else body.text.index("'") + 1)
    return replace(statement, body=unquoted(body.text), verb=begins)


def _on_a_table(cursor: Cursor, plain: Statement) -> Statement:
    name = cursor.name()
    is_rule = plain.kind == "rules" and cursor.peek() == "AS"
    cursor.up_to("TO" if is_rule else "ON")
    cursor.any_of("ON", "TO")
    return replace(plain, name=name, tables=(cursor.name(),))


def _table(cursor: Cursor, plain: Statement, temporary: bool) -> Statement:
    guarded = cursor.skip_if_exists()
    table = cursor.name()
    if temporary:
        table = for_the_session(table)
    parent = cursor.name() if cursor.take("PARTITION", "OF") else NAMELESS
    columns: list[Column] = []
    constraints: list[Constraint] = []
    copies = False
    for part in split(cursor.brackets()):
        inner = Cursor(part)
        if is_constraint(inner):
            constraints.append(constraint_of(part))
        elif inner.peek() == "LIKE":
            copies = True
        else:
            columns.append(column_of(part))
    every = (*constraints, *(each for column in columns for each in column.constraints))
    filled = cursor.take("AS") and plain.says("FROM") and not plain.says("WITH", "NO", "DATA")
    return replace(
        plain,
        kind="create table",
        tables=(table,),
        name=parent,
        guarded=guarded,
        constraints=every,
        defined=tuple(columns),
        value="filled" if filled else "",
        copies=copies,
    )


def _index(cursor: Cursor, plain: Statement, unique: bool) -> Statement:
    concurrently = cursor.take("CONCURRENTLY")
    guarded = cursor.skip_if_exists()
    name = NAMELESS if cursor.peek() == "ON" else cursor.name()
    cursor.take("ON")
    only = cursor.take("ONLY")
    table = cursor.name()
    if cursor.take("USING"):
        cursor.name()
    columns = names_in(cursor.brackets())
    return replace(
        plain,
        kind="create index",
        name=name,
        tables=(table,),
        columns=columns,
        concurrently=concurrently,
        guarded=guarded,
        only=only,
        partial=any(token.word == "WHERE" for token in cursor.rest()),
        value="unique" if unique else "",
    )
