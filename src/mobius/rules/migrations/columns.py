"""The definition of a column, and of a constraint, as CREATE TABLE and ALTER TABLE write them."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.rules.migrations.cursor import NAMELESS, Cursor, names_in, written
from mobius.rules.migrations.nouns import Column, Constraint
from mobius.rules.migrations.tokens import Token

_ENDS = (
    "CONSTRAINT", "NOT", "NULL", "DEFAULT", "CHECK", "REFERENCES", "UNIQUE", "PRIMARY", "GENERATED", "COLLATE",
    "COMPRESSION", "STORAGE", "DEFERRABLE", "INITIALLY", "AS", "FIRST", "AFTER", "AUTOINCREMENT", "ON",
)  # fmt: skip
_SERIAL = ("serial", "bigserial", "smallserial", "serial2", "serial4", "serial8")


def is_serial(type_name: str) -> bool:
    """Whether this type brings a sequence of its own, and with it a value for every row."""
    return type_name.lower() in _SERIAL


def column_of(tokens: Sequence[Token]) -> Column:
    """A column definition: `name type constraint …`."""
    cursor = Cursor(tokens)
    name = cursor.name()
    kind = "" if cursor.peek() in _ENDS else written(cursor.until(*_ENDS))
    default: tuple[Token, ...] = ()
    not_null, generated = False, ""
    constraints: list[Constraint] = []
    while not cursor.done:
        named = cursor.name() if cursor.take("CONSTRAINT") else NAMELESS
        if cursor.take("NOT", "NULL"):
            not_null = True
        elif cursor.take("NOT", "DEFERRABLE") or cursor.take("NULL"):
            pass
        elif cursor.take("DEFAULT"):
            default = cursor.until(*_ENDS)
        elif cursor.take("CHECK"):
            expression = cursor.brackets()
            free = cursor.take("NOT", "ENFORCED")
            text = f"CHECK ({written(expression)})"
            constraints.append(
                Constraint("check", named, (name,), not_valid=free, expression=expression, text=text)
            )
        elif cursor.take("REFERENCES"):
            other, rest = cursor.name(), written(_rest_of_a_reference(cursor))
            text = f"FOREIGN KEY ({name.written}) REFERENCES {other.written} {rest}".strip()
            free = cursor.take("NOT", "ENFORCED")
            constraints.append(Constraint("foreign", named, (name,), other, not_valid=free, text=text))
        elif cursor.take("UNIQUE"):
            constraints.append(Constraint("unique", named, (name,)))
        elif cursor.take("PRIMARY", "KEY"):
            constraints.append(Constraint("primary", named, (name,)))
        elif cursor.take("GENERATED") or cursor.peek() == "AS":
            generated = _generated(cursor)
        else:
            cursor.at += 1
    return Column(name, kind, default, not_null, generated, tuple(constraints))


def _rest_of_a_reference(cursor: Cursor) -> tuple[Token, ...]:
    begin = cursor.at
    cursor.brackets()
    while True:
        if cursor.take("MATCH") or cursor.take("INITIALLY"):
            cursor.at += 1
        elif cursor.take("ON"):
            cursor.at += 1  # DELETE, UPDATE
            cursor.at += 2 if cursor.peek() in ("SET", "NO") else 1
            cursor.brackets()
        elif not cursor.take("DEFERRABLE") and not cursor.take("NOT", "DEFERRABLE"):
            return cursor.tokens[begin : cursor.at]


def _generated(cursor: Cursor) -> str:
    cursor.take("ALWAYS")
    cursor.take("BY", "DEFAULT")
    if not cursor.take("AS"):
        return ""
    if cursor.take("IDENTITY"):
        cursor.brackets()
        return "identity"
    cursor.brackets()
    return "stored" if cursor.take("STORED") else "virtual"


def is_constraint(cursor: Cursor) -> bool:
    """Whether a constraint of a table begins here, and not a column."""
    word, then = cursor.peek(), cursor.peek(1)
    return (
        word == "CONSTRAINT"
        or (word in ("CHECK", "UNIQUE", "EXCLUDE") and then in ("(", "USING", "NULLS"))
        or (word, then) in (("PRIMARY", "KEY"), ("FOREIGN", "KEY"), ("NOT", "NULL"))
    )


def constraint_of(tokens: Sequence[Token]) -> Constraint:
    """A constraint of a table: `CONSTRAINT name CHECK (…) NOT VALID`, say."""
    cursor = Cursor(tokens)
    name = cursor.name() if cursor.take("CONSTRAINT") else NAMELESS
    not_valid = _says(tokens, "NOT", "VALID") or _says(tokens, "NOT", "ENFORCED")
    text = written(tokens[cursor.at :])
    if cursor.take("CHECK"):
        return Constraint("check", name, expression=cursor.brackets(), not_valid=not_valid, text=text)
    if cursor.take("FOREIGN", "KEY"):
        columns = names_in(cursor.brackets())
        cursor.take("REFERENCES")
        return Constraint("foreign", name, columns, cursor.name(), not_valid, text=text)
    if cursor.take("NOT", "NULL"):
        return Constraint("not null", name, (cursor.name(),), not_valid=not_valid, text=text)
    kind = {"UNIQUE": "unique", "PRIMARY": "primary", "EXCLUDE": "exclude"}.get(cursor.peek(), "")
    using_index = _says(tokens, "USING", "INDEX") and not _says(tokens, "USING", "INDEX", "TABLESPACE")
    cursor.up_to("(", "USING")
    if kind == "exclude" and cursor.take("USING"):
        cursor.name()
    return Constraint(kind, name, names_in(cursor.brackets()), using_index=using_index, text=text)


def _says(tokens: Sequence[Token], *words: str) -> bool:
    """Whether these words follow one another outside of brackets."""
    cursor = Cursor(tokens)
    while not cursor.done:
        if cursor.take(*words):
            return True
        if not cursor.brackets():
            cursor.at += 1
    return False
