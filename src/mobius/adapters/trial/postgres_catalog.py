"""What PostgreSQL's catalogs say of a database: its facts for the rules, its files, its schema."""

from __future__ import annotations

import difflib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mobius.adapters.trial.tried import RECORDS
from mobius.errors import MobiusError
from mobius.model.linting import Known

if TYPE_CHECKING:
    import psycopg

SMALL_ROWS = 10_000
LOG = "mobius_trial"  # our own schema in a scratch database: never compared
_TABLES = """
SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_' AND n.nspname <> ALL (%s)
ORDER BY n.nspname, c.relname"""
_NOT_OURS = ["information_schema", LOG]


@dataclass(frozen=True, slots=True)
class Relation:
    """A table as it was found: `shown` is its name, with its schema where that is not `public`."""

    oid: int
    schema: str
    name: str

    @property
    def shown(self) -> str:
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"


def quoted(name: str) -> str:
    """A name as SQL needs it."""
    return '"' + name.replace('"', '""') + '"'


def relations(db: psycopg.Connection[Any]) -> dict[str, Relation]:
    """The tables of the user's own, by the name they are shown with."""
    found = [Relation(*row) for row in db.execute(_TABLES, (_NOT_OURS,)).fetchall()]
    return {relation.shown: relation for relation in found if relation.name not in RECORDS}


def existing(db: psycopg.Connection[Any]) -> dict[int, str]:
    """Every table, index and view that is there, by its oid: locks on what a migration makes itself hurt nobody."""
    query = """
        SELECT c.oid, c.relname, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname !~ '^pg_' AND n.nspname <> ALL (%s)"""
    rows = db.execute(query, (_NOT_OURS,)).fetchall()
    return {oid: name if schema == "public" else f"{schema}.{name}" for oid, name, schema in rows}


def files(db: psycopg.Connection[Any]) -> dict[str, int]:
    """The file of each relation by its name: another one means that every row was written anew (an index that is built
    anew is another relation of the same name)."""
    query = """
        SELECT n.nspname, c.relname, c.relfilenode FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'i', 'm') AND c.relfilenode <> 0 AND n.nspname !~ '^pg_'"""
    return {
        name if schema == "public" else f"{schema}.{name}": file
        for schema, name, file in db.execute(query).fetchall()
    }


def known_of(db: psycopg.Connection[Any]) -> Known:
    """What takes alarms of the text back: sizes, types, proofs that a column is not null, indexes, primary keys."""
    columns: dict[str, dict[str, str]] = {}
    rows = db.execute(
        """SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname !~ '^pg_'
        AND n.nspname <> 'information_schema'"""
    ).fetchall()
    for table, column, kind in rows:
        columns.setdefault(table, {})[column] = kind
    checks = db.execute(
        """SELECT c.relname, a.attname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        JOIN pg_attribute a ON a.attrelid = c.oid AND k.conkey = ARRAY[a.attnum]
        WHERE k.contype = 'c' AND k.convalidated AND pg_get_expr(k.conbin, k.conrelid) = '(' || quote_ident(a.attname)
        || ' IS NOT NULL)'"""
    ).fetchall()
    indexed = db.execute(
        """SELECT c.relname, a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] WHERE i.indpred IS NULL AND i.indisvalid"""
    ).fetchall()
    keys = db.execute(
        "SELECT c.relname, k.conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE k.contype = 'p'"
    ).fetchall()
    return Known(
        small=frozenset(relation.name for relation in relations(db).values() if _is_small(db, relation)),
        columns=columns,
        not_null_checks=frozenset((str(table), str(column)) for table, column in checks),
        indexed=frozenset((str(table), str(column)) for table, column in indexed),
        primary_keys=frozenset((str(table), str(name)) for table, name in keys),
    )


def _is_small(db: psycopg.Connection[Any], relation: Relation) -> bool:
    """Counted no further than the limit: a table of a billion rows is known to be large at once."""
    query = f"SELECT count(*) FROM (SELECT 1 FROM {relation.quoted} LIMIT {SMALL_ROWS}) few"
    row = db.execute(query).fetchone()
    return row is not None and row[0] < SMALL_ROWS


def schema_of(pg_dump: str, conninfo: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The schema as pg_dump writes it, without the words that differ from run to run. Raises `MobiusError`."""
    argv = [
        pg_dump,
        "--schema-only",
        "--no-owner",
        "--no-privileges",
        f"--exclude-schema={LOG}",
        *(f"--exclude-table=*.{name}" for name in sorted(RECORDS)),
        "-d",
        conninfo,
    ]
    done = subprocess.run(argv, env=dict(environ), capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise MobiusError(
            f"the schema could not be read: {' '.join(done.stderr.strip().splitlines()[-1:])}",
            "try it by hand: pg_dump --schema-only",
        )
    lines = (line.rstrip() for line in done.stdout.splitlines())
    return tuple(line for line in lines if line and not line.startswith(("--", "\\restrict", "\\unrestrict")))


def difference(was: tuple[str, ...], becomes: tuple[str, ...]) -> str:
    """What was added and taken away, a line each."""
    lines = difflib.unified_diff(was, becomes, lineterm="", n=0)
    return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


def in_short(lines: str) -> str:
    """The first lines of such a difference; columns that only stand elsewhere are told as that."""
    each = lines.splitlines()
    gone, come = (sorted(line[1:].strip(" ,") for line in each if line.startswith(sign)) for sign in "-+")
    if gone and gone == come:
        columns = ", ".join(dict.fromkeys(line.split()[0] for line in gone if line))
        return f"in another place of its table: {columns} (SELECT * and INSERT without names see that)"
    return "; ".join(each[:3])


def broken_in(db: psycopg.Connection[Any]) -> frozenset[str]:
    """What does not hold: indexes that were left invalid."""
    rows = db.execute(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE NOT i.indisvalid"
    ).fetchall()
    return frozenset(f"the index {row[0]} is invalid: no query uses it" for row in rows)
