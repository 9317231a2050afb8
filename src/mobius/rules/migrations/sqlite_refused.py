"""Statements of other databases that SQLite does not parse."""

from __future__ import annotations

from mobius.rules.migrations.nouns import Statement


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
    return ""
