"""How the tables of PostgreSQL hold their rows: whether the same rows in the same file would mean the same values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mobius.adapters.trial.postgres_catalog import Relation, relations

if TYPE_CHECKING:
    import psycopg

# A built-in type says the same of the same bytes, whatever else changes; of an enum, a domain or the name of a table
# that is not so. A generated column follows from the others.
_COLUMNS = """
SELECT a.attrelid, a.attname, a.attnum, format_type(a.atttypid, NULL), a.attmissingval::text,
  t.typtype = 'b' AND t.oid < 16384 AND t.typname !~ '^_?reg'
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = ANY (%s) AND a.attnum > 0
AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attrelid, a.attnum"""
# What is stored by itself: no table of parts, none that others inherit from, none of a foreign kind of storage.
_FILES = """
SELECT c.oid, c.relfilenode FROM pg_class c JOIN pg_am m ON m.oid = c.relam WHERE c.oid = ANY (%s)
AND c.relkind = 'r' AND m.amname = 'heap' AND NOT EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhparent = c.oid)"""


@dataclass(frozen=True, slots=True)
class Column:
    """`number`: its place in a row; `missing`: what it holds in rows that are older than itself; `is_plain`: its type
    reads the same bytes the same, always."""

    number: int
    kind: str
    missing: str | None
    is_plain: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """A table, its columns that hold something of their own, and its file: 0 where it is not in one."""

    relation: Relation
    columns: Mapping[str, Column]
    file: int

    def means_the_same_as(self, then: Shape) -> bool:
        """Whether the same rows would hold the same values in the columns that both have."""
        both = self.columns.keys() & then.columns.keys()
        return (
            self.file != 0
            and (self.file, self.relation.oid) == (then.file, then.relation.oid)
            and all(self.columns[name] == then.columns[name] for name in both)
            and all(self.columns[name].is_plain for name in both)
        )


def shapes_of(db: psycopg.Connection[Any]) -> dict[str, Shape]:
    """Of the user's own tables, by the name they are shown with."""
    found = relations(db)
    oids = [relation.oid for relation in found.values()]
    columns: dict[int, dict[str, Column]] = {}
    for oid, name, *column in db.execute(_COLUMNS, (oids,)).fetchall():
        columns.setdefault(oid, {})[name] = Column(*column)
    files: dict[int, int] = dict(db.execute(_FILES, (oids,)).fetchall())
    return {
        shown: Shape(relation, columns.get(relation.oid, {}), files.get(relation.oid, 0))
        for shown, relation in found.items()
    }


def narrower(was: Mapping[str, Shape], then: Mapping[str, Shape]) -> str:
    """Which tables lack columns that they had; "" for none."""
    gone = {
        shown: sorted(shape.columns.keys() - then[shown].columns.keys())
        for shown, shape in was.items()
        if shown in then
    }
    return "; ".join(f"{shown} lacks {', '.join(names)}" for shown, names in gone.items() if names)
