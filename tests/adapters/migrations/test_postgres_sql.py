"""A file for PostgreSQL is cut into what runs in one transaction, what cannot, and what must not be there."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobius.adapters.migrations.postgres_sql import script_of
from mobius.errors import GateFailed

PATH = Path("001_x.sql")


def cut(sql: str, **how: bool) -> list[str]:
    return [each.sql for each in script_of(sql, PATH, **how).statements]


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX CONCURRENTLY a ON t (b)",
        "create unique index concurrently if not exists a on t (b)",
        "DROP INDEX CONCURRENTLY IF EXISTS a",
        "REINDEX TABLE CONCURRENTLY t",
        "REINDEX (VERBOSE, CONCURRENTLY) TABLE t",
        "REINDEX INDEX CONCURRENTLY a",
        "REINDEX DATABASE app",
        "VACUUM (FULL) t",
        "ALTER SYSTEM SET work_mem = '1GB'",
        "CREATE DATABASE other",
        "ALTER TABLE t DETACH PARTITION p CONCURRENTLY",
        "SET lock_timeout = '1s';\nCREATE INDEX CONCURRENTLY a ON t (b);\nRESET lock_timeout",
    ],
)
def test_what_postgresql_refuses_in_a_transaction_runs_outside_of_one(sql: str) -> None:
    assert not script_of(sql, PATH).transactional


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX concurrently_a ON t (b)",
        "CREATE TABLE concurrently (a int)",
        "REINDEX TABLE t",
        "REINDEX (VERBOSE) TABLE t",
        "ALTER TABLE t DETACH PARTITION p",
        "COMMENT ON TABLE t IS 'VACUUM; CREATE INDEX CONCURRENTLY'",
        "DO $$ BEGIN EXECUTE 'VACUUM'; END $$",
        "INSERT INTO t VALUES ('CONCURRENTLY')",
    ],
)
def test_everything_else_runs_in_one(sql: str) -> None:
    assert script_of(sql, PATH).transactional


def test_a_transaction_of_its_own_is_ours_where_its_tool_allows_it() -> None:
    sql = "SET lock_timeout = '1s';\nBEGIN;\nCREATE TABLE a (b int);\nCOMMIT;\n"
    assert cut(sql, may_begin=True) == ["SET lock_timeout = '1s'", "CREATE TABLE a (b int)"]
    with pytest.raises(GateFailed, match=r"uses BEGIN \(line 2\)"):
        cut(sql)
    with pytest.raises(GateFailed, match=r"uses BEGIN \(line 1\)"):
        cut("BEGIN;\nSELECT 1;\nCOMMIT;\nSELECT 2;", may_begin=True)


def test_what_runs_outside_may_hold_no_transaction_but_one_around_everything() -> None:
    with pytest.raises(GateFailed, match=r"uses BEGIN \(line 1\)"):
        script_of(
            "BEGIN;\nUPDATE t SET a = 1;\nCOMMIT;\nVACUUM t;", PATH, transactional=False, may_begin=True
        )
    script = script_of("BEGIN;\nUPDATE t SET a = 1;\nCOMMIT;", PATH, transactional=False, may_begin=True)
    assert script.transactional
    assert [each.sql for each in script.statements] == ["UPDATE t SET a = 1"]
    assert not script_of("UPDATE t SET a = 1;", PATH, transactional=False).transactional


def test_semicolons_in_bodies_quotes_and_comments_end_nothing() -> None:
    sql = "CREATE FUNCTION f() RETURNS int AS $x$ BEGIN; RETURN 1; END $x$ LANGUAGE plpgsql; -- a; b\nSELECT ';';"
    assert len(cut(sql)) == 2


def test_a_lock_timeout_of_its_own_is_seen() -> None:
    assert script_of("SET LOCAL lock_timeout TO '1s'; SELECT 1;", PATH).sets_lock_timeout
    assert not script_of("SELECT set_config('lock_timeout', '1s', true);", PATH).sets_lock_timeout
    assert not script_of("SET statement_timeout = 0; SELECT 1;", PATH).sets_lock_timeout


def test_statements_know_their_lines() -> None:
    script = script_of("-- first\n\nSELECT 1;\n/* a\nb */ SELECT\n2;", PATH)
    assert [each.line for each in script.statements] == [3, 5]
