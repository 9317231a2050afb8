"""Whether a statement that ran outside of a transaction is done, and what a failed one left behind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mobius.adapters.migrations.session import PostgresSession, quoted
from mobius.adapters.migrations.source import Statement
from mobius.errors import MobiusError
from mobius.rules.migrations.tokens import Token, statements

_INDEX = """
    SELECT i.indisvalid AND i.indisready, n.nspname, c.relname,
           (SELECT max(p.pid) FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid)
    FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE i.indrelid = to_regclass(?) AND
"""
_REPEATABLE = ("VACUUM", "REINDEX", "SET", "RESET", "ANALYZE")


class Seen(Enum):
    """What an observation found."""

    DONE = "done"
    NOT_DONE = "not done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class _Building:
    """CREATE INDEX CONCURRENTLY `index` ON `table`; the latter as it is written."""

    index: str
    table: str


def observed(session: PostgresSession, statement: Statement) -> Seen:
    """Looks, changes nothing. A repeatable statement counts as not done."""
    tokens = _tokens(statement)
    words = [token.word for token in tokens]
    if (building := _building(tokens)) is not None:
        found = _indexes(session, building.table, "c.relname = ?", building.index)
        return Seen.DONE if any(row[0] for row in found) else Seen.NOT_DONE
    if words[:3] == ["DROP", "INDEX", "CONCURRENTLY"] and "," not in [token.text for token in tokens]:
        name = _name(tokens[5:] if words[3:5] == ["IF", "EXISTS"] else tokens[3:])
        gone = session.rows("SELECT to_regclass(?) IS NULL", name)[0][0]
        return Seen.DONE if gone else Seen.NOT_DONE
    is_repeatable = bool(words) and (words[0] in _REPEATABLE or words[:2] == ["ALTER", "SYSTEM"])
    return Seen.NOT_DONE if is_repeatable else Seen.UNKNOWN


def tidy(session: PostgresSession, statement: Statement) -> None:
    """Drops what an interrupted one of the same left: an index that is not valid and would never become so. Raises
    MobiusError while somebody is still building it."""
    tokens = _tokens(statement)
    words = [token.word for token in tokens]
    if (building := _building(tokens)) is not None:
        left = _indexes(session, building.table, "c.relname = ?", building.index)
    elif words[:2] == ["REINDEX", "TABLE"] and "CONCURRENTLY" in words[:4]:
        left = _indexes(session, _name(tokens[3:]), "c.relname LIKE ?", r"%\_ccnew%")
    else:
        return
    for is_valid, schema, index, builder in left:
        if builder is not None:
            raise MobiusError(
                f"the index {index} is being built by server process {builder}",
                f"wait for it, or end it: SELECT pg_cancel_backend({builder});",
            )
        if not is_valid:
            session.rows(f"DROP INDEX CONCURRENTLY IF EXISTS {quoted(schema)}.{quoted(index)}")


def _indexes(
    session: PostgresSession, table: str, which: str, value: str
) -> list[tuple[object, str, str, int]]:
    return [(row[0], str(row[1]), str(row[2]), row[3]) for row in session.rows(_INDEX + which, table, value)]


def _tokens(statement: Statement) -> list[Token]:
    return next((raw.tokens for raw in statements(statement.sql)), [])


def _building(tokens: list[Token]) -> _Building | None:
    """None for another statement, and for an index whose name PostgreSQL makes up."""
    words = [token.word for token in tokens]
    if words[:1] != ["CREATE"] or "CONCURRENTLY" not in words[:4] or "INDEX" not in words[:3]:
        return None
    rest = tokens[words.index("CONCURRENTLY") + 1 :]
    if [token.word for token in rest[:3]] == ["IF", "NOT", "EXISTS"]:
        rest = rest[3:]
    if len(rest) < 3 or rest[0].word == "ON" or rest[1].word != "ON":
        return None
    table = rest[3:] if rest[2].word == "ONLY" else rest[2:]
    return _Building(rest[0].name, _name(table))


def _name(tokens: list[Token]) -> str:
    """A name with its schema, as it is written, from where it begins."""
    parts: list[str] = []
    for token in tokens:
        if token.kind in ("word", "quoted") and len(parts) % 2 == 0:
            parts.append(token.text)
        elif token.text == "." and len(parts) % 2 == 1:
            parts.append(".")
        else:
            break
    return "".join(parts)
