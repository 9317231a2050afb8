"""The rows of PostgreSQL's tables before and after: counts, and checksums that do not depend on the order of rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mobius.adapters.trial.postgres_catalog import Relation, quoted, relations
from mobius.model.trial import Rows

if TYPE_CHECKING:
    import psycopg

# Hashed as they are, twice as fast as their text: of these, values that are equal are the same to anybody.
_PLAIN = frozenset(
    (
        "smallint", "integer", "bigint", "text", "character varying", "boolean", "date", "uuid", "bytea",
        "timestamp without time zone", "timestamp with time zone", "time without time zone", "oid",
    )
)  # fmt: skip
_MOST_MATCHED = 200_000  # rows of a table that came to more: beyond it they are not matched one by one
_RECORDS_SINCE = 140_000  # the first server that hashes records


@dataclass(frozen=True, slots=True)
class _Pair:
    """A table before, what it became (None: it is gone), and the hash of a row over what both have, "" for none."""

    was: Relation
    then: Relation | None
    row: str
    touched: bool


@dataclass(slots=True)
class Compared:
    """The database before, beside others after, over the columns that both have: checksums of the tables in `touched`
    (names) and `written` (which a trigger or a cascade may have written to), and of the others unless `only_touched`.
    What was summed up of the database before is not read again."""

    before: psycopg.Connection[Any]
    touched: Collection[str]
    written: Collection[str]
    only_touched: bool
    _sums: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)

    def read_ahead(self, pairs: Sequence[_Pair]) -> None:
        """Sums up the database before, while the other one cannot be read yet."""
        for pair in pairs:
            self._of(pair.was, pair.row)

    def pairs(self, after: psycopg.Connection[Any]) -> list[_Pair]:
        """What is to be summed up."""
        was, becomes = relations(self.before), relations(after)
        found = []
        for shown, relation in was.items():
            is_touched, then, row = relation.name in self.touched, becomes.get(shown), ""
            is_read = is_touched or relation.name in self.written or not self.only_touched
            if then is not None and is_read:
                mine, theirs = columns_of(self.before, relation), columns_of(after, then)
                row = _row(mine, theirs, self.before.info.server_version)
            found.append(_Pair(relation, then, row, is_touched))
        return found

    def rows(self, after: psycopg.Connection[Any]) -> tuple[Rows, ...]:
        """Table by table."""
        found = []
        for pair in self.pairs(after):
            count, checksum = self._of(pair.was, pair.row)
            later, checksum_after = _sum(after, pair.then, pair.row) if pair.then else (-1, checksum)
            more = pair.then is not None and bool(pair.row) and count < later <= _MOST_MATCHED
            only_more = more and self._are_all_there(pair, after)
            sums = (checksum, checksum_after)
            found.append(Rows(pair.was.shown, count, later, *sums, touched=pair.touched, only_more=only_more))
        return tuple(found)

    def _are_all_there(self, pair: _Pair, after: psycopg.Connection[Any]) -> bool:
        """Whether each row of before is among those of after, as often."""
        assert pair.then is not None
        return not _hashes(self.before, pair.was, pair.row) - _hashes(after, pair.then, pair.row)

    def _of(self, relation: Relation, row: str) -> tuple[int, str]:
        key = (relation.shown, row)
        if key not in self._sums:
            self._sums[key] = _sum(self.before, relation, row)
        return self._sums[key]


def columns_of(db: psycopg.Connection[Any], relation: Relation) -> dict[str, str]:
    """The columns of a table that hold something of their own (a generated one follows from the others), and types."""
    query = """
        SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
        WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum"""
    return dict(db.execute(query, (relation.oid,)).fetchall())


def narrower(old: psycopg.Connection[Any], new: psycopg.Connection[Any]) -> str:
    """Which tables lack columns that they had; "" for none."""
    was, then = relations(old), relations(new)
    found = []
    for shown, relation in was.items():
        if shown in then:
            gone = columns_of(old, relation).keys() - columns_of(new, then[shown]).keys()
            found += [f"{shown} lacks {', '.join(sorted(gone))}"] if gone else []
    return "; ".join(found)


def _row(mine: dict[str, str], theirs: dict[str, str], server: int) -> str:
    """A hash of one row. A column whose type changed is taken as text: a number that became a larger kind of number is
    the same value."""
    both = [name for name in mine if name in theirs]
    as_it_is = [name for name in both if mine[name] == theirs[name] and mine[name] in _PLAIN]
    if server < _RECORDS_SINCE:
        as_it_is = []
    as_text = [f"coalesce({quoted(name)}::text, chr(1))" for name in both if name not in as_it_is]
    values = list(map(quoted, as_it_is))
    if as_text or not values:
        values.append(f"concat_ws(chr(2), {', '.join(as_text or [chr(39) * 2])})")
    if server < _RECORDS_SINCE:
        return f"hashtextextended({values[0]}, 0)"
    return f"hash_record_extended(ROW({', '.join(values)}), 0)"


def _sum(db: psycopg.Connection[Any], relation: Relation, row: str) -> tuple[int, str]:
    """How many rows there are, and a sum over them; "" where `row` is."""
    summed = f"coalesce(sum({row}), 0)::text" if row else "''"
    found = db.execute(f"SELECT count(*), {summed} FROM {relation.quoted}").fetchone()
    assert found is not None
    return int(found[0]), str(found[1])


def _hashes(db: psycopg.Connection[Any], relation: Relation, row: str) -> Counter[int]:
    return Counter(found for (found,) in db.execute(f"SELECT {row} FROM {relation.quoted}").fetchall())
