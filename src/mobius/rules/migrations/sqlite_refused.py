"""Statements of other databases that SQLite does not parse."""

from __future__ import annotations

from mobius.rules.migrations.nouns import FIRST_WORDS, Statement

_WORDS = """
    ALTER ANALYZE ATTACH BEGIN COMMIT CREATE DELETE DETACH DROP END EXPLAIN INSERT PRAGMA REINDEX RELEASE REPLACE
    ROLLBACK SAVEPOINT SELECT UPDATE VACUUM VALUES WITH
"""
_BEGINNINGS = frozenset(_WORDS.split())
_THINGS = {
    "ALTER": ("TABLE",),
    "CREATE": ("TABLE", "INDEX", "UNIQUE", "VIEW", "TRIGGER", "VIRTUAL"),
    "DROP": ("TABLE", "INDEX", "VIEW", "TRIGGER"),
}


def refused(statement: Statement) -> str:
    """What SQLite lacks that this statement asks for; "" where it can be run."""
    match statement.kind:
        case "truncate":
            return "has no TRUNCATE"
        case "alter table" if len(statement.actions) > 1:
            return "takes one change for each ALTER TABLE"
        case "alter table" if statement.guarded or any(each.if_exists for each in statement.actions):
            return "has no IF EXISTS in ALTER TABLE"
        case "create index" | "drop index" if statement.concurrently:
            return "has no CONCURRENTLY"
        case "create type" | "create domain" | "create schema" | "create function" | "do" | "call" | "copy":
            return f"has no {statement.kind.split()[-1].upper()}"
        case "set" | "lock" | "lock out writers" | "merge" | "cluster" | "refresh":
            return f"has no {statement.kind.split()[0].upper()}"
        case "drop table" | "drop index" | "drop view" if statement.cascade or len(statement.columns) > 1:
            return "drops one thing at a time, without CASCADE"
    return _lacking(statement)


def _lacking(statement: Statement) -> str:
    words = [token.word for token in statement.tokens[:FIRST_WORDS]]
    first = words[0] if words else ""
    if not first.isalpha():
        return ""
    if first not in _BEGINNINGS:
        return f"has no {first}"
    things = _THINGS.get(first)
    if things is None:
        return ""
    then = [word for word in words[1:] if word not in ("TEMP", "TEMPORARY")]
    return f"has no {first} {then[0]}" if then and then[0] and then[0] not in things else ""
