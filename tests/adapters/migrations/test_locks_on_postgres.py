"""Locks of a live PostgreSQL: waited for not long, tried again, and never beyond a hold of requests."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import replace

import psycopg
import pytest

from adapters.migrations.live_postgres import LONG_S, Here, Told, here
from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.migrations.source import Target
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.errors import MobiusError
from mobius.model.advance import Waiting
from postgres_server import new_database, postgres_server

__all__ = ["here", "new_database", "postgres_server"]


def test_a_lock_that_is_not_had_is_given_up_and_who_holds_it_is_named_without_values(here: Here) -> None:
    here.write("002_more.sql", "CREATE TABLE more (a int);\nALTER TABLE note ADD COLUMN more int;")
    with (
        here.holding("UPDATE note SET text = 'top secret' WHERE id = 4711"),
        pytest.raises(MobiusError) as caught,
    ):
        here.apply()
    assert caught.value.message.startswith(
        "migration 002_more.sql gave up: a lock was not had within 0.3 s at line 2, 1 attempt(s)"
    )
    assert "nothing of it was kept" in caught.value.message
    (blocker,) = caught.value.details
    assert "(shop, mobius; idle in transaction for" in blocker
    assert "UPDATE note SET text = ? WHERE id = ?" in blocker
    assert "secret" not in str(caught.value) and "4711" not in blocker
    assert "pg_terminate_backend(" in caught.value.hint and "migrations.retry_within" in caught.value.hint
    assert (here.pending(), here.tables()) == (["002_more"], {"note", "mobius_migrations"})


def test_what_another_role_does_is_not_told_to_a_plain_one_and_that_is_said(here: Here) -> None:
    here.database.execute("CREATE ROLE mover LOGIN")
    try:
        here.database.execute("GRANT ALL ON SCHEMA public TO mover")
        for table in sorted(here.tables()):
            here.database.execute(f"ALTER TABLE {table} OWNER TO mover")
        here.write("002_more.sql", "ALTER TABLE note ADD COLUMN more int;")
        url = here.database.server.url(here.database.name, user="mover")
        target = Target("postgresql", None, parsed("main", url), here.lock_timeout_s)
        with here.holding("LOCK TABLE note IN SHARE MODE"), pytest.raises(MobiusError) as caught:
            SqlSource().apply(here.root, target, progress=here.told.append)
        (blocker,) = caught.value.details
        assert blocker.endswith(
            "(shop, mobius; what it does is shown to its own role and to pg_read_all_stats only)"
        )
    finally:
        here.database.execute("DROP OWNED BY mover")
        here.database.execute("DROP ROLE mover")


def test_it_is_tried_again_until_the_lock_is_free_and_every_attempt_is_told(here: Here) -> None:
    here.retry_within_s = LONG_S
    here.write("002_more.sql", "ALTER TABLE note ADD COLUMN more int;")
    with here.holding("LOCK TABLE note IN SHARE MODE") as holder:
        told = Told(lambda line: "attempt 1;" in line, holder.rollback)
        SqlSource().apply(here.root, here.target, progress=told)
    assert here.applied() == ["001_note", "002_more"]
    first = next(line for line in told.lines if "attempt 1;" in line)
    assert first.startswith(
        "002_more.sql: a lock was not had within 0.3 s at line 1, attempt 1; blocked by process"
    )
    assert "; again in 0." in first
    assert isinstance(first, Waiting), "so that it is told to whoever looks on"
    assert not any(isinstance(line, Waiting) for line in told.lines if "attempt" not in line)


def test_a_way_down_that_waits_for_a_lock_tells_it_too(here: Here) -> None:
    here.retry_within_s = LONG_S
    here.write("002_more.sql", "ALTER TABLE note ADD COLUMN more int;")
    here.write("002_more.down.sql", "ALTER TABLE note DROP COLUMN more;")
    here.apply()
    with here.holding("LOCK TABLE note IN SHARE MODE") as holder:
        told = Told(lambda line: isinstance(line, Waiting), holder.rollback)
        SqlSource().down(here.root, here.target, ["002_more"], progress=told)
    assert here.applied() == ["001_note"]
    assert any("attempt 1; blocked by process" in line for line in told.lines)


def test_requests_wait_no_longer_than_the_lock_timeout_behind_a_migration_that_waits(here: Here) -> None:
    here.retry_within_s = 4.0
    here.write("002_more.sql", "ALTER TABLE note ADD COLUMN more int;")
    waits: list[float] = []
    done = threading.Event()

    def ask() -> None:
        with contextlib.closing(psycopg.connect(here.database.url, autocommit=True)) as db:
            while not done.is_set():
                began = time.monotonic()
                db.execute("SELECT count(*) FROM note WHERE id = 1")
                waits.append(time.monotonic() - began)
                done.wait(0.02)

    with here.holding("SELECT * FROM note LIMIT 1"):
        asking = threading.Thread(target=ask)
        asking.start()
        with pytest.raises(MobiusError, match="gave up"):
            here.apply()
        done.set()
        asking.join(LONG_S)
    assert len(waits) > 10
    assert max(waits) < 2.5  # of 0.3 s, on a machine that is busy


def test_inside_a_hold_an_open_reader_is_waited_for_no_longer_than_the_hold_lasts(here: Here) -> None:
    here.lock_timeout_s, here.retry_within_s = 1.0, LONG_S
    here.write("002_more.sql", "ALTER TABLE note ADD COLUMN more int;")
    with here.holding("SELECT * FROM note LIMIT 1"), pytest.raises(MobiusError) as caught:
        began = time.monotonic()
        here.apply_in_hold(3.0)
    assert time.monotonic() - began < 10.0  # of 3 s, on a machine that is busy; of 60 s without the hold
    assert "attempt(s) in " in caught.value.message and "gave up: a lock was not had" in caught.value.message
    assert ": the hold of requests ends, and nothing is migrated yet; nothing of it was kept" in str(
        caught.value
    )
    assert caught.value.hint.endswith("let requests wait longer: hold in [migrations] of mobius.toml")
    first = next(line for line in here.told if "attempt 1;" in line)
    assert ", until the hold of requests ends in " in first
    assert here.pending() == ["002_more"]


def test_a_hold_that_is_shorter_than_the_lock_timeout_shortens_it(here: Here) -> None:
    here.lock_timeout_s, here.retry_within_s = LONG_S, LONG_S
    here.write("002_more.sql", "ALTER TABLE note ADD COLUMN more int;")
    with here.holding("SELECT * FROM note LIMIT 1"):
        began = time.monotonic()
        with pytest.raises(MobiusError, match="the hold of requests ends"):
            here.apply_in_hold(1.0)
        assert time.monotonic() - began < 10.0


def test_once_a_migration_is_applied_the_next_waits_for_its_lock_beyond_the_hold(here: Here) -> None:
    here.retry_within_s = LONG_S
    here.write("002_first.sql", "CREATE TABLE first (a int);")
    here.write("003_more.sql", "ALTER TABLE note ADD COLUMN more int;")
    with here.holding("SELECT * FROM note LIMIT 1") as reader:
        told = Told(lambda line: "attempt 3;" in line, reader.rollback)
        here.apply_in_hold(0.6, told)
    assert here.applied() == ["001_note", "002_first", "003_more"]
    assert not any("until the hold of requests ends" in line for line in told.lines)


def test_an_index_that_is_built_concurrently_is_not_waited_for_beyond_the_hold(here: Here) -> None:
    here.lock_timeout_s, here.retry_within_s = LONG_S, LONG_S
    here.write("002_index.sql", "CREATE INDEX CONCURRENTLY note_text ON note (text);")
    with here.holding("UPDATE note SET text = '' WHERE id = 1"):
        began = time.monotonic()
        with pytest.raises(MobiusError, match="the hold of requests ends"):
            here.apply_in_hold(1.0)
        assert time.monotonic() - began < 10.0
    assert here.apply() == ["002_index"]


def test_a_migration_that_sets_its_own_lock_timeout_keeps_it(here: Here) -> None:
    here.write("002_own.sql", "SET LOCAL lock_timeout = '1ms';\nALTER TABLE note ADD COLUMN own int;")
    here.lock_timeout_s = LONG_S
    with here.holding("LOCK TABLE note"), pytest.raises(MobiusError, match="at line 2, 1 attempt"):
        here.apply()
    here.write(
        "002_own.sql",
        "DO $$ BEGIN IF current_setting('lock_timeout') <> '300ms' THEN RAISE 'it is %',"
        " current_setting('lock_timeout'); END IF; END $$;",
    )
    here.lock_timeout_s = 0.3
    assert here.apply() == ["002_own"]


def test_what_a_migration_sets_for_its_session_does_not_reach_the_next(here: Here) -> None:
    here.write(
        "002_dumped.sql",
        "SELECT pg_catalog.set_config('search_path', '', false);\nSET statement_timeout = 1;",
    )
    here.write("003_plain.sql", "CREATE TABLE plain (a int);\nSELECT pg_sleep(0.05);")
    assert here.apply() == ["002_dumped", "003_plain"]
    assert {"plain", "mobius_migrations"} <= here.tables()


def test_what_must_be_done_by_then_is_cancelled(here: Here) -> None:
    here.write("002_slow.sql", "SELECT 1;")
    here.write("002_slow.down.sql", "SELECT pg_sleep(60);")
    here.apply()
    began = time.monotonic()
    with pytest.raises(MobiusError, match="canceling statement due to user request"):
        SqlSource().down(here.root, replace(here.target, done_by=began + 0.5), ["002_slow"])
    assert time.monotonic() - began < 10.0  # of 60 s
    assert here.applied() == ["001_note", "002_slow"]
