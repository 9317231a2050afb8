"""Two deployers, and a killed one, at the same live PostgreSQL."""

from __future__ import annotations

import signal
import time

import pytest

from adapters.migrations.live_postgres import LONG_S, Here, applies, here, migrating, runs, until
from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.migrations.live import LiveMigrations
from mobius.adapters.migrations.postgres_running import PostgresEngine
from mobius.adapters.migrations.source import Target
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.errors import Locked, MobiusError
from postgres_server import new_database, postgres_server

__all__ = ["here", "new_database", "postgres_server"]


def test_two_deployers_cannot_migrate_at_once_and_the_second_is_told_who_does(here: Here) -> None:
    here.write("002_slow.sql", "CREATE TABLE slow (a int);\nSELECT pg_sleep(60);")
    with migrating(here) as other:
        until(lambda: here.database.one("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 1)
        with pytest.raises(Locked) as caught:
            here.apply()
        assert f'by somebody else: "mobius migrates, process {other.pid} on ' in caught.value.message
        assert ", server process " in caught.value.message and ", connected since 2" in caught.value.message
        assert "pg_terminate_backend(" in caught.value.hint
        # In a deployment that is a step that failed; the lease of the environment is still ours.
        with pytest.raises(MobiusError, match="by somebody else") as in_a_run:
            LiveMigrations(SqlSource(), lambda: here.target).apply(here.root, progress=print)
        assert not isinstance(in_a_run.value, Locked)
        assert here.pending() == ["002_slow"]
        other.kill()
        other.wait(LONG_S)
        here.write("002_slow.sql", "CREATE TABLE slow (a int);")
        until(lambda: applies(here))
    assert (here.applied(), "slow" in here.tables()) == (["001_note", "002_slow"], True)


def test_behind_a_pooler_that_keeps_no_session_nothing_is_migrated(here: Here) -> None:
    """As a session sees it whose lock stayed with another one."""
    here.write("002_more.sql", "CREATE TABLE more (a int);")
    engine = PostgresEngine(here.target)
    (change,) = SqlSource().pending(here.root, here.target)
    with engine.migrating(print) as moving:
        moving.session.connection.execute("SELECT pg_advisory_unlock_all()")
        with pytest.raises(MobiusError, match="leads through a pooler"):
            moving.run(change, change.up or "", change.path, before=lambda: None, after=lambda _: None)
    assert "more" not in here.tables()


def test_a_killed_deployer_leaves_nothing_of_a_migration_and_its_lock_ends_soon(here: Here) -> None:
    here.write("002_first.sql", "CREATE TABLE first (a int);")
    here.write("003_slow.sql", "CREATE TABLE half (a int);\nSELECT pg_sleep(60);")
    with migrating(here) as other:
        until(lambda: runs(here, "pg_sleep"))
        other.send_signal(signal.SIGKILL)
        other.wait(LONG_S)
    killed = time.monotonic()
    until(lambda: not runs(here, "pg_sleep"))
    assert time.monotonic() - killed < 20
    assert (here.applied(), here.pending()) == (["001_note", "002_first"], ["003_slow"])
    assert "half" not in here.tables()


def test_a_role_that_may_make_no_tables_can_still_migrate_rows(here: Here) -> None:
    here.database.execute("CREATE ROLE clerk LOGIN")
    try:
        here.database.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        here.database.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO clerk")
        here.write("002_rows.sql", "UPDATE note SET text = 'b' WHERE id = 1;")
        url = here.database.server.url(here.database.name, user="clerk")
        target = Target("postgresql", address=parsed("main", url))
        assert SqlSource().apply(here.root, target, progress=print)
        assert here.applied() == ["001_note", "002_rows"]
    finally:
        here.database.execute("DROP OWNED BY clerk")
        here.database.execute("DROP ROLE clerk")
