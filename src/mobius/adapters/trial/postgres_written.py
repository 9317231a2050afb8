"""Which tables of PostgreSQL were written to since a moment: by the transactions of their rows, or by what the server
counts.

The server counts every row that is inserted, updated or deleted, undone ones too. From version 15 on these counts lie
in its memory and are complete once a session is gone; before, they were sent and could be lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mobius.adapters.trial.postgres_catalog import Relation

if TYPE_CHECKING:
    import psycopg

_COUNTED_SINCE = 150_000
# Whether nobody could have written uncounted, and nothing that was counted is forgotten.
_COUNTS = """
SELECT current_setting('track_counts')::bool AND pg_stat_get_db_stat_reset_time(d.oid) IS NULL
AND NOT EXISTS (SELECT 1 FROM pg_db_role_setting s, unnest(s.setconfig) word WHERE starts_with(word, 'track_counts='))
AND NOT EXISTS (SELECT 1 FROM pg_parameter_acl p WHERE p.parname = 'track_counts')
FROM pg_database d WHERE d.datname = current_database()"""
_WRITTEN = """
SELECT each FROM unnest(%s::oid[]) each WHERE pg_stat_get_tuples_inserted(each) > 0
OR pg_stat_get_tuples_updated(each) > 0 OR pg_stat_get_tuples_deleted(each) > 0"""


def transaction_now(db: psycopg.Connection[Any]) -> int:
    """The number of a transaction of this moment: whatever is written from now on has a later one."""
    row = db.execute("SELECT txid_current() % 4294967296").fetchone()
    assert row is not None
    return int(row[0])


def rows_written(db: psycopg.Connection[Any], relation: Relation, since: int) -> tuple[int, int]:
    """How many rows there are, and how many of them were written after the transaction `since`. A row that is much
    older may count as one that was (its transaction's number came round): never the other way."""
    later = f"age(xmin) < age('{since}'::xid)"
    found = db.execute(f"SELECT count(*), count(*) FILTER (WHERE {later}) FROM {relation.quoted}").fetchone()
    assert found is not None
    return int(found[0]), int(found[1])


def never_written(db: psycopg.Connection[Any], oids: list[int]) -> frozenset[int]:
    """Those of these tables into which nobody wrote since the database was made, as a copy or an empty one; none where
    the server does not count, or may have forgotten. Asked while a session of ours is there that was there before
    anybody wrote (a server that crashed forgets), and once every session that may have written is gone."""
    if db.info.server_version < _COUNTED_SINCE:
        return frozenset()
    counts = db.execute(_COUNTS).fetchone()
    if counts is None or not counts[0]:
        return frozenset()
    written = {oid for (oid,) in db.execute(_WRITTEN, (oids,)).fetchall()}
    return frozenset(oids) - written
