"""Changes of a column's type that leave every row as it lies: PostgreSQL sees that the bytes stay the same.

Binary-coercible pairs and the widening of a limit need no rewrite (manual, ALTER TABLE; pg_cast.castmethod = 'b').
"""

from __future__ import annotations

import re

from mobius.model.numbers import whole

_TYPE = re.compile(
    r"\s*([a-z_ ]+?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*(with(?:out)? time zone)?\s*", re.IGNORECASE
)
_SAME = {
    "character varying": "varchar", "int": "integer", "int4": "integer", "int8": "bigint", "int2": "smallint",
    "decimal": "numeric", "bool": "boolean", "character": "char", "bpchar": "char", "timestamptz": "timestamp"
    " with time zone",
    "varbit": "bit varying", "float8": "double precision", "float4": "real",
}  # fmt: skip
_NO_LIMIT = 1 << 40


def keeps_the_bytes(was: str, becomes: str) -> bool:
    """Whether a column of type `was` can become `becomes` without a rewrite. Only what is sure."""
    old, new = _parts(was), _parts(becomes)
    if old is None or new is None:
        return False
    if old[0] == new[0] == "numeric":
        return new[1] == _NO_LIMIT or (old[2] == new[2] and new[1] >= old[1] and old[1] != _NO_LIMIT)
    if old[0] == new[0] and old[0] in (
        "varchar",
        "bit varying",
        "timestamp",
        "timestamp with time zone",
        "time",
        "interval",
    ):
        return new[1] >= old[1]
    if (old[0], new[0]) in (("varchar", "text"), ("text", "varchar"), ("cidr", "inet")):
        return new[1] == _NO_LIMIT
    return old == new


def _parts(name: str) -> tuple[str, int, int] | None:
    match = _TYPE.fullmatch(name)
    if match is None:
        return None
    base = " ".join(match[1].lower().split())
    zone = (match[4] or "").lower()
    base = f"{base} with time zone" if zone == "with time zone" else base
    return _SAME.get(base, base), whole(match[2] or "") or _NO_LIMIT, whole(match[3] or "") or 0
