"""What is known of a PostgreSQL database at one point in time, read inside one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from mobius.adapters.databases.postgres_address import driver
from mobius.errors import BackupInvalid

if TYPE_CHECKING:
    import psycopg

FORMAT = 1
OLDEST_MAJOR = 12

_OF_THE_SERVICE = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
# What an extension brings is made by CREATE EXTENSION, and is not in a dump.
_NO_EXTENSION = "NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = {oid} AND d.deptype = 'e')"


@dataclass(frozen=True, slots=True)
class Properties:
    """What CREATE DATABASE was told, and what was granted and set on the database since; a dump has none of it.

    `settings`: (role or "", ["name=value", …]) as pg_db_role_setting has them. `acl`: (grantee or "" for PUBLIC,
    privilege, grantable); None where nothing was ever granted or revoked.
    """

    owner: str
    encoding: str
    collate: str
    ctype: str
    provider: str  # "c" libc, "i" ICU, "b" builtin
    locale: str  # of ICU or builtin, else ""
    tablespace: str
    connection_limit: int
    acl: tuple[tuple[str, str, bool], ...] | None = None
    settings: tuple[tuple[str, tuple[str, ...]], ...] = ()
    comment: str = ""


@dataclass(frozen=True, slots=True)
class PostgresFacts:
    """Of one database at `at_unix`. `tables`: rows of each, by schema and name; `roles`: who owns or may use something
    in it; `restore_point`: of pgBackRest, {} for a dump."""

    engine: str
    database: str
    server_version: str
    server_major: int
    system_identifier: str
    at_unix: float
    took_s: float
    size_bytes: int
    properties: Properties
    extensions: Mapping[str, str] = field(hash=False)
    tables: Mapping[str, int] = field(hash=False)
    schema_sha256: str
    roles: tuple[str, ...]
    format: int = FORMAT
    dumped_by: str = ""
    dump_bytes: int = 0
    restore_point: Mapping[str, str] = field(default_factory=dict, hash=False)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def facts_from(raw: bytes, name: str) -> PostgresFacts:
    """As `as_json` gave them. Raises `BackupInvalid`."""
    try:
        facts = msgspec.json.decode(raw, type=PostgresFacts)
    except msgspec.MsgspecError as problem:
        raise BackupInvalid(
            f"the backup does not describe its database {name}: {problem}", "mobius backup list"
        ) from problem
    if facts.format != FORMAT:
        raise BackupInvalid(
            f"the database {name} was backed up by another version of mobius (format {facts.format})",
            "restore it with that version",
        )
    return facts


def one(db: psycopg.Connection[Any], query: str, *values: object) -> Any:
    """The first column of the only row."""
    row = db.execute(query, values or None).fetchone()
    return row[0] if row else None


def server_of(db: psycopg.Connection[Any]) -> tuple[str, int, str]:
    """(version, major, system identifier) of the server; the identifier is "" where it is not told."""
    version, number = db.info.parameter_status("server_version") or "", db.info.server_version
    may = one(db, "SELECT has_function_privilege('pg_control_system()', 'execute')")
    identifier = one(db, "SELECT system_identifier::text FROM pg_control_system()") if may else ""
    return version.split()[0], number // 10000, str(identifier)


def properties_of(db: psycopg.Connection[Any], database: str) -> Properties | None:
    """Of any database of this server; None when it is not there."""
    major = db.info.server_version // 10000
    provider = "datlocprovider" if major >= 15 else "'c'"
    locale = "datlocale" if major >= 17 else "daticulocale" if major >= 15 else "NULL"
    row = db.execute(
        f"""
        SELECT d.oid, pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype,
               {provider}::text, coalesce({locale}, ''), t.spcname, datconnlimit, datacl IS NULL,
               coalesce(shobj_description(d.oid, 'pg_database'), '')
        FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace WHERE datname = %s""",
        [database],
    ).fetchone()
    if row is None:
        return None
    oid, owner, encoding, collate, ctype, from_whom, named, tablespace, limit, no_acl, comment = row
    acl = db.execute(
        """
        SELECT coalesce(r.rolname, ''), a.privilege_type, a.is_grantable
        FROM pg_database d, aclexplode(d.datacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
        WHERE d.oid = %s AND (a.grantee = 0 OR r.oid IS NOT NULL) ORDER BY 1, 2""",
        [oid],
    ).fetchall()
    settings = db.execute(
        """
        SELECT coalesce(r.rolname, ''), s.setconfig
        FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole
        WHERE s.setdatabase = %s AND (s.setrole = 0 OR r.oid IS NOT NULL) ORDER BY 1""",
        [oid],
    ).fetchall()
    return Properties(
        owner=owner,
        encoding=encoding,
        collate=collate,
        ctype=ctype,
        provider=from_whom,
        locale=named,
        tablespace=tablespace,
        connection_limit=limit,
        acl=None
        if no_acl
        else tuple((grantee, privilege, grantable) for grantee, privilege, grantable in acl),
        settings=tuple((role, tuple(values)) for role, values in settings),
        comment=comment,
    )


def extensions_of(db: psycopg.Connection[Any]) -> dict[str, str]:
    """Name to version; plpgsql, which is always there, too."""
    return dict(db.execute("SELECT extname, extversion FROM pg_extension ORDER BY 1").fetchall())


# Of what holds rows of the service's own: `c` and its schema `n`.
TABLES = f"""
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND {_OF_THE_SERVICE}
      AND {_NO_EXTENSION.format(oid="c.oid")}"""
TABLES_NOT_READ = f"""
    SELECT n.nspname, c.relname {TABLES} AND NOT (
      has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AND NOT row_security_active(c.oid))
    ORDER BY 1, 2"""


def table_sizes(db: psycopg.Connection[Any]) -> dict[tuple[str, str], int]:
    """(schema, name) to bytes of every table that holds rows of the service's own."""
    rows = db.execute(
        f"SELECT n.nspname, c.relname, pg_relation_size(c.oid) {TABLES} ORDER BY 1, 2"
    ).fetchall()
    return {(schema, name): size for schema, name, size in rows}


def rows_of(db: psycopg.Connection[Any], tables: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Counted, every row: an estimate proves nothing. Raises what psycopg raises where some rows cannot be seen."""
    sql = driver().sql
    db.execute("SET row_security = off")  # an error rather than a part of the rows
    counted = {}
    for schema, name in tables:
        query = sql.SQL("SELECT count(*) FROM ONLY {}").format(sql.Identifier(schema, name))
        row = db.execute(query).fetchone()
        counted[f"{schema}.{name}"] = row[0] if row else 0
    return counted


def roles_of(db: psycopg.Connection[Any]) -> tuple[str, ...]:
    """Whoever owns, or was granted, anything in this database."""
    rows = db.execute(
        f"""
        SELECT DISTINCT rolname FROM pg_roles r WHERE rolname !~ '^pg_' AND (
          oid = 10  -- the one that initdb made: what it owns stands in no list
          OR oid IN (SELECT refobjid FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND dbid =
                  (SELECT oid FROM pg_database WHERE datname = current_database()))
          OR oid IN (SELECT datdba FROM pg_database WHERE datname = current_database())
          OR oid IN (SELECT nspowner FROM pg_namespace n WHERE {_OF_THE_SERVICE})
          OR oid IN (SELECT relowner FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
                     WHERE {_OF_THE_SERVICE}))
        ORDER BY 1"""
    ).fetchall()
    return tuple(row[0] for row in rows)


# One line for each thing that makes the schema, as PostgreSQL writes it itself.
_SCHEMA = (
    """SELECT 'column', n.nspname, c.relname, c.relkind::text, a.attname, format_type(a.atttypid, a.atttypmod),
       a.attnotnull::text, a.attidentity::text, a.attgenerated::text, coalesce(pg_get_expr(d.adbin, d.adrelid), '')
     FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {own}""",
    """SELECT 'constraint', n.nspname, coalesce(r.relname, ''), c.conname, pg_get_constraintdef(c.oid)
     FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace LEFT JOIN pg_class r ON r.oid = c.conrelid
     WHERE {own}""",
    """SELECT 'index', n.nspname, c.relname, pg_get_indexdef(c.oid)
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'i' AND {own}""",
    """SELECT 'view', n.nspname, c.relname, pg_get_viewdef(c.oid)
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND {own}""",
    """SELECT 'function', n.nspname, pg_get_functiondef(c.oid)
     FROM pg_proc c JOIN pg_namespace n ON n.oid = c.pronamespace WHERE c.prokind IN ('f', 'p', 'w') AND {own}""",
    """SELECT 'trigger', n.nspname, r.relname, pg_get_triggerdef(c.oid) FROM pg_trigger c
     JOIN pg_class r ON r.oid = c.tgrelid JOIN pg_namespace n ON n.oid = r.relnamespace
     WHERE NOT c.tgisinternal AND {own}""",
    """SELECT 'enum', n.nspname, c.typname, string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
     FROM pg_enum e JOIN pg_type c ON c.oid = e.enumtypid JOIN pg_namespace n ON n.oid = c.typnamespace
     WHERE {own} GROUP BY 1, 2, 3""",
    """SELECT 'sequence', n.nspname, c.relname, format_type(s.seqtypid, NULL), s.seqincrement::text
     FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE {own}""",
)


def schema_sha256(db: psycopg.Connection[Any]) -> str:
    """Of tables, indexes, constraints, views, functions, triggers, types and sequences of the service's own."""
    own = f"{_OF_THE_SERVICE} AND {_NO_EXTENSION.format(oid='c.oid')}"
    db.execute("SET search_path = ''")  # every name is written with its schema
    lines: list[str] = []
    for query in _SCHEMA:
        lines += ["\x1f".join(row) for row in db.execute(query.format(own=own)).fetchall()]
    db.execute("RESET search_path")
    digest = hashlib.sha256()
    for line in sorted(lines):
        digest.update(line.encode("utf-8", "surrogateescape") + b"\x1e")
    return digest.hexdigest()


def differences(
    expected: PostgresFacts, tables: Mapping[str, int], extensions: Mapping[str, str]
) -> list[str]:
    """What a restored database lacks of the one that was backed up, or has too much; empty when it is equal."""
    told = []
    for name in sorted(expected.tables.keys() | tables.keys()):
        was, now = expected.tables.get(name), tables.get(name)
        if was != now:
            told.append(f"{name}: {_rows(was)} backed up, {_rows(now)} restored")
    gone = sorted(expected.extensions.keys() - extensions.keys())
    return told + [f"the extension {name} is missing" for name in gone]


def _rows(count: int | None) -> str:
    return "no such table" if count is None else f"{count} rows"
