"""The definition of a column, and of a constraint, as CREATE TABLE and ALTER TABLE write them."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.rules.migrations.cursor import Cursor, names_in, written
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
        named = cursor.name() if cursor.take("CONSTRAINT") else ""
        if cursor.take("NOT", "NULL"):
            not_null = True
        elif cursor.take("NOT", "DEFERRABLE") or cursor.take("NULL"):
            pass
        elif cursor.take("DEFAULT"):
            default = cursor.until(*_ENDS)
        elif cursor.take("CHECK"):
            constraints.append(Constraint("check", named, (name,), expression=cursor.brackets()))
        elif cursor.take("REFERENCES"):
            constraints.append(Constraint("foreign", named, (name,), references=cursor.name()))
        elif cursor.take("UNIQUE"):
            constraints.append(Constraint("unique", named, (name,)))
        elif cursor.take("PRIMARY", "KEY"):
            constraints.append(Constraint("primary", named, (name,)))
        elif cursor.take("GENERATED") or cursor.peek() == "AS":
            generated = _generated(cursor)
        else:
            cursor.at += 1
    return Column(name, kind, default, not_null, generated, tuple(constraints))


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
    name = cursor.name() if cursor.take("CONSTRAINT") else ""
    words = [token.word for token in tokens]
    not_valid = words[-2:] == ["NOT", "VALID"] or any(
        words[at : at + 2] == ["NOT", "VALID"] for at in range(len(words) - 1)
    )
    using_index = any(
        words[at : at + 2] == ["USING", "INDEX"] and words[at + 2 : at + 3] != ["TABLESPACE"]
        for at in range(len(words) - 1)
    )
    if cursor.take("CHECK"):
        return Constraint("check", name, expression=cursor.brackets(), not_valid=not_valid)
    if cursor.take("FOREIGN", "KEY"):
        columns = names_in(cursor.brackets())
        cursor.take("REFERENCES")
        return Constraint("foreign", name, columns, cursor.name(), not_valid)
    if cursor.take("NOT", "NULL"):
        return Constraint("not null", name, (cursor.name(),), not_valid=not_valid)
    kind = {"UNIQUE": "unique", "PRIMARY": "primary", "EXCLUDE": "exclude"}.get(cursor.peek(), "")
    cursor.until("(", "USING")
    return Constraint(kind, name, names_in(cursor.brackets()), using_index=using_index)
