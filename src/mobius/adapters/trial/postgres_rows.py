"""The rows of PostgreSQL's tables before and after: counts, and checksums that do not depend on the order of rows.

A copy by template keeps of each row which transaction wrote it. So in a table that is in the same file, as many rows as
before, none of them written since, are the same rows: nothing else of it need be read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mobius.adapters.trial.postgres_catalog import Relation, quoted
from mobius.adapters.trial.postgres_shapes import Shape, shapes_of
from mobius.adapters.trial.postgres_written import never_written, rows_written
from mobius.adapters.trial.tried import SAME
from mobius.model.trial import Rows

if TYPE_CHECKING:
    import psycopg

# Numbers and texts each by the function of their own, twice as fast as a record of them.
_INTEGERS = frozenset(("smallint", "integer", "bigint"))
_TEXTS = frozenset(("text", "character varying"))
# Hashed as a record, twice as fast as their text: of these, values that are equal are the same to anybody.
_PLAIN = frozenset(
    (
        "boolean", "date", "uuid", "bytea", "timestamp without time zone", "timestamp with time zone",
        "time without time zone", "oid",
    )
)  # fmt: skip
_MOST_MATCHED = 200_000  # rows of a table that came to more: beyond it they are not matched one by one
_RECORDS_SINCE = 140_000  # the first server that hashes records


@dataclass(frozen=True, slots=True)
class _Pair:
    """A table before and what it became. `count` after, and how many of them were written `since` (None: its file or
    its columns do not let that be told); `row`: the hash of a row over what both have, "" where none is to be taken."""

    was: Shape
    then: Shape
    count: int
    fresh: int | None
    row: str
    touched: bool


@dataclass(slots=True)
class Compared:
    """The database before, beside copies of it after, over the columns that both have; or beside copies of those, in
    turn. `since`: the transaction after which anything was changed in a copy. Where the transactions of its rows do not
    tell that a table is the same: checksums of the tables in `touched` (names) and `written` (which a trigger or a
    cascade may have written to), and of the others unless `fast`. Where it is, nor are the rows counted of a table of
    which the server says that nobody wrote to it. What was read of the database before is not read again."""

    before: psycopg.Connection[Any]
    touched: Collection[str]
    written: Collection[str]
    fast: bool
    since: int
    was: Mapping[str, Shape] = field(init=False)
    _sums: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    _same: set[str] | None = None  # of what was compared last; None: nothing was, all of a copy is the same

    def __post_init__(self) -> None:
        self.was = shapes_of(self.before)

    def rows(self, after: psycopg.Connection[Any], *, all_gone: bool = False) -> tuple[Rows, ...]:
        """Table by table; both databases are read at the same time. `all_gone`: whether every session that may have
        written to `after` is, so that the server has counted what it wrote."""
        becomes = shapes_of(after)
        unwritten = self._unwritten(becomes, after) if self.fast and all_gone else frozenset()
        with ThreadPoolExecutor(1) as beside:
            counting = beside.submit(lambda: {shown: self._of(was, "")[0] for shown, was in self.was.items()})
            pairs = {
                shown: self._pair(was, becomes[shown], after)
                for shown, was in self.was.items()
                if shown in becomes and shown not in unwritten
            }
            counts = counting.result()
            for shown in unwritten:
                is_touched = self.was[shown].relation.name in self.touched
                pairs[shown] = _Pair(self.was[shown], becomes[shown], counts[shown], 0, "", is_touched)
            self._same = {
                shown for shown, pair in pairs.items() if pair.fresh == 0 and pair.count == counts[shown]
            }
            unclear = [pair for shown, pair in pairs.items() if pair.count == counts[shown] and pair.row]
            summing = beside.submit(lambda: [self._of(pair.was, pair.row)[1] for pair in unclear])
            later = [_sum(after, pair.then.relation, pair.row)[1] for pair in unclear]
            sums = {
                pair.was.relation: both
                for pair, both in zip(unclear, zip(summing.result(), later, strict=True), strict=True)
            }
        return tuple(
            self._told(was, counts[shown], pairs.get(shown), sums, after) for shown, was in self.was.items()
        )

    def _unwritten(self, becomes: Mapping[str, Shape], after: psycopg.Connection[Any]) -> frozenset[str]:
        """Tables that nobody wrote to in what `after` is a copy of, nor in `after`."""
        alike = {
            was.relation.oid: shown
            for shown, was in self.was.items()
            if shown in becomes and was.means_the_same_as(becomes[shown])
            if self._same is None or shown in self._same
        }
        return frozenset(alike[oid] for oid in never_written(after, list(alike)))

    def _pair(self, was: Shape, then: Shape, after: psycopg.Connection[Any]) -> _Pair:
        name, fresh = was.relation.name, None
        if was.means_the_same_as(then):
            count, fresh = rows_written(after, then.relation, self.since)
        else:
            count, _ = _sum(after, then.relation, "")
        is_touched = name in self.touched
        is_read = is_touched or name in self.written or not self.fast or bool(fresh)
        row = _row(was, then, self.before.info.server_version) if is_read and fresh != 0 else ""
        return _Pair(was, then, count, fresh, row, is_touched)

    def _told(
        self,
        was: Shape,
        count: int,
        pair: _Pair | None,
        sums: Mapping[Relation, tuple[str, str]],
        after: psycopg.Connection[Any],
    ) -> Rows:
        shown = was.relation.shown
        if pair is None:
            return Rows(shown, count, -1, touched=was.relation.name in self.touched)
        is_same = pair.fresh == 0 and pair.count == count
        both = sums.get(was.relation, (SAME, SAME) if is_same else ("", ""))
        only_more = (
            count < pair.count <= _MOST_MATCHED and bool(pair.row) and self._are_all_there(pair, after)
        )
        return Rows(shown, count, pair.count, *both, touched=pair.touched, only_more=only_more)

    def _are_all_there(self, pair: _Pair, after: psycopg.Connection[Any]) -> bool:
        """Whether each row of before is among those of after, as often."""
        hashes = _hashes(self.before, pair.was.relation, pair.row)
        return not hashes - _hashes(after, pair.then.relation, pair.row)

    def _of(self, was: Shape, row: str) -> tuple[int, str]:
        key = (was.relation.shown, row)
        if key not in self._sums:
            self._sums[key] = _sum(self.before, was.relation, row)
        return self._sums[key]


def _row(was: Shape, then: Shape, server: int) -> str:
    """A hash of one row, column after column: each begins with what those before it came to. Whole numbers are hashed
    as the largest kind, so that one kind may become another; a column whose type changed otherwise is taken as text."""
    hashed, as_it_is, as_text = "0", [], []
    for name in (name for name in was.columns if name in then.columns):
        column, kinds = quoted(name), {was.columns[name].kind, then.columns[name].kind}
        if kinds <= _INTEGERS:
            hashed = f"hashint8extended(coalesce({column}, 0), {_begun(hashed, column)})"
        elif kinds <= _TEXTS:
            bytewise = f'{column}::text COLLATE "C"'
            hashed = f"hashtextextended(coalesce({bytewise}, ''), {_begun(hashed, column)})"
        elif len(kinds) == 1 and kinds <= _PLAIN and server >= _RECORDS_SINCE:
            as_it_is.append(column)
        else:
            as_text.append(f"coalesce({column}::text, chr(1))")
    if as_text:
        hashed = f"hashtextextended(concat_ws(chr(2), {', '.join(as_text)}), {hashed})"
    if as_it_is:
        hashed = f"hash_record_extended(ROW({', '.join(as_it_is)}), {hashed})"
    return "hashint8extended(0, 0)" if hashed == "0" else hashed


def _begun(hashed: str, column: str) -> str:
    """What the next hash begins with: another number where the column is null."""
    return f"{hashed} # ({column} IS NULL)::int::bigint"


def _sum(db: psycopg.Connection[Any], relation: Relation, row: str) -> tuple[int, str]:
    """How many rows there are, and a sum over them; "" where `row` is."""
    summed = f"coalesce(sum({row}), 0)::text" if row else "''"
    found = db.execute(f"SELECT count(*), {summed} FROM {relation.quoted}").fetchone()
    assert found is not None
    return int(found[0]), str(found[1])


def _hashes(db: psycopg.Connection[Any], relation: Relation, row: str) -> Counter[int]:
    return Counter(found for (found,) in db.execute(f"SELECT {row} FROM {relation.quoted}").fetchall())
