"""A session with a database of either kind, as far as the tables of migration tools need one."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import psycopg


class Session(Protocol):
    """Statements are written with `?` for values and `named(…)` for tables."""

    @property
    def dialect(self) -> Literal["sqlite", "postgresql"]: ...

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of one statement; [] where it has none. Raises what the driver raises."""

    def columns(self, table: str) -> frozenset[str]:
        """Of a table in the schema that is used; empty when there is no such table."""

    def named(self, table: str) -> str:
        """The table in that schema, quoted: a migration may have changed where names are looked for."""


@dataclass(frozen=True, slots=True)
class SqliteSession:
    """On an open connection."""

    connection: sqlite3.Connection
    dialect: Literal["sqlite"] = "sqlite"

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return list(self.connection.execute(sql, values))

    def columns(self, table: str) -> frozenset[str]:
        found = self.connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
        return frozenset(str(name) for (name,) in found)

    def named(self, table: str) -> str:
        return f'"{table}"'


@dataclass(frozen=True, slots=True)
class PostgresSession:
    """On an open connection; `schema` is where it makes tables."""

    connection: psycopg.Connection[Any]
    schema: str
    dialect: Literal["postgresql"] = "postgresql"

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        cursor = self.connection.execute(sql.replace("?", "%s").encode(), values or None)
        return cursor.fetchall() if cursor.description else []

    def columns(self, table: str) -> frozenset[str]:
        # Not information_schema, which hides what this user may not touch: that must be an error, not an empty table.
        sql = (
            "SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = ? AND c.relname = ? AND a.attnum > 0 AND NOT a.attisdropped"
        )
        return frozenset(str(name) for (name,) in self.rows(sql, self.schema, table))

    def named(self, table: str) -> str:
        return f'{quoted(self.schema)}."{table}"'


def quoted(name: str) -> str:
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'
