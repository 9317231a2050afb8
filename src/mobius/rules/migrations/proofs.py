"""What a CHECK proves to PostgreSQL: that a column is not null, so that SET NOT NULL need not look (since version 12).

It looks at what AND joins, and at nothing else (predicate_implied_by in its source; seen on PostgreSQL 15).
"""

from __future__ import annotations

from collections.abc import Sequence

from mobius.rules.migrations.cursor import Cursor, bare, split
from mobius.rules.migrations.nouns import Constraint
from mobius.rules.migrations.tokens import Token

DEEPEST = 50  # brackets within brackets


def columns_not_null(constraint: Constraint) -> tuple[str, ...]:
    """The columns that this constraint, once validated, holds not to be null."""
    if constraint.kind == "not null":
        return tuple(str(column) for column in constraint.columns)
    return tuple(_columns(constraint.expression)) if constraint.kind == "check" else ()


def _columns(tokens: Sequence[Token], depth: int = 0) -> list[str]:
    tokens = bare(tokens)
    parts = split(tokens, "AND")
    if len(parts) > 1:
        return [column for part in parts for column in _columns(part, depth + 1)] if depth < DEEPEST else []
    cursor = Cursor(tokens)
    name = cursor.name()
    return [str(name)] if name and cursor.take("IS", "NOT", "NULL") and cursor.done else []
