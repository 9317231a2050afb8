"""What changes rows or takes things away: UPDATE, DELETE, INSERT, MERGE, TRUNCATE and DROP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mobius.rules.migrations.bounds import reads_a_table, why_unbounded
from mobius.rules.migrations.cursor import NAMELESS, Cursor, Name
from mobius.rules.migrations.nouns import Statement

Read = Callable[[Cursor, Statement], Statement]
_VERBS = ("UPDATE", "DELETE", "INSERT", "MERGE")


def changed(kind: str) -> Read:
    """Reads what follows this verb."""

    def read(cursor: Cursor, plain: Statement) -> Statement:
        verb = cursor.at - 1
        cursor.any_of("FROM", "INTO", "OR")
        if cursor.any_of("IGNORE", "REPLACE", "ABORT", "FAIL", "ROLLBACK"):  # of SQLite
            cursor.take("INTO")
        cursor.take("ONLY")
        read_so_far = replace(plain, kind=kind, tables=(cursor.name(),), verb=verb)
        return replace(read_so_far, value=_copied(read_so_far)) if kind == "insert" else read_so_far

    return read


def _copied(insert: Statement) -> str:
    """`copies` for an INSERT … SELECT … FROM; `upserts` where it writes over very many rows that are there."""
    if not (insert.says("SELECT") and insert.says("FROM")):
        return ""
    over = insert.says("DO", "UPDATE") and reads_a_table(insert.tokens)
    return "upserts" if over and why_unbounded(insert) else "copies"


def with_queries(cursor: Cursor, plain: Statement) -> Statement:
    """`WITH rows AS (…) UPDATE t …`: what it does in the end; a change inside of it counts too."""
    before = ""
    for at, token in enumerate(plain.tokens):
        if token.word in _VERBS and before in (")", "("):
            cursor.at = at + 1
            return changed(token.word.lower())(cursor, plain)
        before = token.word
    return replace(plain, kind="select", value="long")


def truncated(cursor: Cursor, plain: Statement) -> Statement:
    """TRUNCATE of one table or of several."""
    cursor.take("TABLE")
    names = []
    while True:
        cursor.take("ONLY")
        names.append(cursor.name())
        cursor.take("*")
        if not cursor.take(","):
            break
    cascade = any(token.word == "CASCADE" for token in cursor.rest())
    return replace(plain, kind="truncate", tables=tuple(filter(None, names)), cascade=cascade)


_DROPPED = (
    "TABLE", "INDEX", "DATABASE", "SCHEMA", "OWNED", "VIEW", "DOMAIN", "TYPE", "SEQUENCE", "EXTENSION", "TRIGGER",
    "POLICY", "RULE",
)  # fmt: skip


def dropped(cursor: Cursor, plain: Statement) -> Statement:
    """What DROP takes away; of a trigger, a policy or a rule the table that it hangs on."""
    cursor.any_of("FOREIGN", "MATERIALIZED")
    word = cursor.any_of(*_DROPPED)
    if not word:
        return plain
    concurrently = cursor.take("CONCURRENTLY")
    guarded = cursor.skip_if_exists()
    cursor.take("BY")
    named = _names(cursor)
    if word in ("TRIGGER", "POLICY", "RULE"):
        table = cursor.name() if cursor.take("ON") else NAMELESS
        return replace(plain, kind="rules", tables=(table,) if table else (), guarded=guarded)
    return replace(
        plain,
        kind=f"drop {word.lower()}",
        tables=named if word == "TABLE" else (),
        columns=named,
        name=named[0] if named else NAMELESS,
        concurrently=concurrently,
        guarded=guarded,
        cascade=any(token.word == "CASCADE" for token in cursor.rest()),
    )


def _names(cursor: Cursor) -> tuple[Name, ...]:
    names = []
    while name := cursor.name():
        names.append(name)
        if not cursor.take(","):
            break
    return tuple(names)
