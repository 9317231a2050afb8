"""The tables of a PostgreSQL database as they are compared: their columns, their keys, and the queries for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mobius.adapters.databases.postgres_address import driver
from mobius.adapters.databases.postgres_facts import TABLES
from mobius.adapters.databases.row_values import (
    LONGEST_BYTES,
    LONGEST_VALUE,
    REDACTED,
    SECRET_COLUMN,
    shown_bytes,
    shown_text,
)

if TYPE_CHECKING:
    import psycopg

WHOLE = ("smallint", "integer", "bigint")
AS_THEY_ARE = (*WHOLE, "boolean")
ORDERED_ALIKE = (*WHOLE, "uuid")  # by Python and by PostgreSQL


@dataclass(frozen=True, slots=True)
class Table:
    """`columns`: name to type, in their order; `key`: those of the primary key, () where there is none."""

    schema: str
    name: str
    columns: dict[str, str]
    key: tuple[str, ...]

    @property
    def shown(self) -> str:
        """As the facts of a backup name it."""
        return f"{self.schema}.{self.name}"

    def key_order(self) -> tuple[bool, ...]:
        """For each column of the key whether it is compared as it is, else as text."""
        return tuple(self.columns[column] in ORDERED_ALIKE for column in self.key)


def tables_of(db: psycopg.Connection[Any]) -> dict[str, Table]:
    """By schema and name, those that the rows of a backup are counted of."""
    columns = "FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    rows = db.execute(
        f"""
        SELECT n.nspname, c.relname,
          (SELECT array_agg(a.attname::text ORDER BY a.attnum) {columns}),
          (SELECT array_agg(format_type(a.atttypid, NULL) ORDER BY a.attnum) {columns}),
          (SELECT array_agg(a.attname::text ORDER BY k.place)
           FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
           WHERE i.indrelid = c.oid AND i.indisprimary AND k.place <= i.indnkeyatts)
        {TABLES} ORDER BY 1, 2"""
    ).fetchall()
    tables = [
        Table(schema, name, dict(zip(columns or (), types or (), strict=True)), tuple(key or ()))
        for schema, name, columns, types, key in rows
    ]
    return {table.shown: table for table in tables}


def in_order(table: Table, columns: Sequence[str]) -> Any:
    """Key, SHA-256 of what `columns` hold, and place of every row, by key. What Python and PostgreSQL order otherwise
    is ordered as bytes of UTF-8, which are the same under every locale."""
    sql = driver().sql
    keys = [
        sql.Identifier(column)
        if alike
        else sql.SQL("convert_to({}::text, 'UTF8')").format(sql.Identifier(column))
        for column, alike in zip(table.key, table.key_order(), strict=True)
    ]
    return sql.SQL("SELECT {}, {}, ctid::text FROM ONLY {} ORDER BY {}").format(
        sql.SQL(", ").join(keys),
        _hash(columns),
        sql.Identifier(table.schema, table.name),
        sql.SQL(", ").join(sql.Literal(place + 1) for place in range(len(keys))),
    )


def digest(table: Table, columns: Sequence[str]) -> Any:
    """How many rows there are, and a number that changes when what any of them holds does; their order is no matter."""
    sql = driver().sql
    part = sql.SQL("('x' || encode(substring({} FOR 6), 'hex'))::bit(48)::bigint").format(_hash(columns))
    return sql.SQL("SELECT count(*), coalesce(sum({}), 0) FROM ONLY {}").format(
        part, sql.Identifier(table.schema, table.name)
    )


def _hash(columns: Sequence[str]) -> Any:
    sql = driver().sql
    row = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("sha256(convert_to(ROW({})::text, 'UTF8'))").format(row)


def listing(table: Table, *, at: bool) -> Any:
    """Every row as `row_of` reads it; with `at`, those at the places given as the only parameter, place first."""
    sql = driver().sql
    chosen: list[Any] = [sql.SQL("ctid::text")] if at else []
    for name, type_ in table.columns.items():
        chosen += (sql.SQL(part).format(sql.Identifier(name)) for part in _parts(name, type_))
    return sql.SQL("SELECT {} FROM ONLY {}{}").format(
        sql.SQL(", ").join(chosen),
        sql.Identifier(table.schema, table.name),
        sql.SQL(" WHERE ctid = ANY(%s::tid[])" if at else ""),
    )


def row_of(table: Table, values: Sequence[Any]) -> dict[str, object]:
    """What `listing` gave of one row, as it is shown."""
    return {
        name: _shown(name, type_, size, value)
        for (name, type_), size, value in zip(table.columns.items(), values[::2], values[1::2], strict=True)
    }


def _parts(name: str, type_: str) -> tuple[str, str]:
    """Size and value: neither a secret nor the whole of a large value leaves the server."""
    if SECRET_COLUMN.search(name):
        return "NULL", "NULL"
    if type_ in AS_THEY_ARE:
        return "NULL", "{}"
    if type_ == "bytea":
        return "octet_length({})", f"substring({{}} FOR {LONGEST_BYTES})"
    return "length({}::text)", f"left({{}}::text, {LONGEST_VALUE})"


def _shown(name: str, type_: str, size: Any, value: Any) -> object:
    if SECRET_COLUMN.search(name):
        return REDACTED
    if value is None or type_ in AS_THEY_ARE:
        return value
    return shown_bytes(bytes(value), int(size)) if type_ == "bytea" else shown_text(str(value), int(size))
