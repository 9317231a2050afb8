"""Whether an UPDATE or DELETE is held to a bounded number of rows by its own words."""

from __future__ import annotations

from mobius.rules.migrations.nouns import Statement

_FEW = (
    "id",
    "uuid",
    "pk",
    "key",
    "code",
    "name",
    "slug",
    "email",
    "version",
    "ctid",
    "username",
    "login",
    "sku",
)
_ENDS = ("_id", "_uuid", "_key", "_code", "_slug", "_name", "_email", "_pk")
_CONSTANTS = ("string", "number", "param", "dollar")


def why_unbounded(statement: Statement) -> str:
    """Why it may change very many rows; "" when its WHERE names few, a range, or a LIMIT."""
    words = [token.word for token in statement.tokens]
    if "WHERE" not in words:
        return "changes every row"
    at = words.index("WHERE")
    if "CURRENT" in words[at : at + 3]:
        return ""
    where, rest = words[at:], statement.tokens[at:]
    ranged = any(word in where for word in ("<", "<=")) and any(word in where for word in (">", ">="))
    if ranged or "LIMIT" in where or "BETWEEN" in where or "CTID" in where or "FETCH" in where:
        return ""
    for place, token in enumerate(rest):
        after = rest[place + 1] if place + 1 < len(rest) else None
        if token.kind not in ("word", "quoted") or after is None:
            continue
        then = rest[place + 2] if place + 2 < len(rest) else None
        constant = then is not None and (then.kind in _CONSTANTS or then.word in ("TRUE", "FALSE", ":", "-"))
        if after.word == "IN" and then is not None and then.word == "(":
            first = rest[place + 3] if place + 3 < len(rest) else None
            if first is not None and first.kind in _CONSTANTS and _names_few(token.name):
                return ""
        if after.word == "=" and constant and _names_few(token.name):
            return ""
    return "is not held to few rows"


def _names_few(column: str) -> bool:
    name = column.lower()
    return name in _FEW or name.endswith(_ENDS)
