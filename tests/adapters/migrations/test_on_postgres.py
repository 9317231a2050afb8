"""Migrating a live PostgreSQL: alone, without long waits for a lock, and with the truth after a kill."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.migrations.live import LiveMigrations
from mobius.adapters.migrations.postgres_running import PostgresEngine, PostgresMoving
from mobius.adapters.migrations.source import Statement, Target
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.errors import GateFailed, Locked, MobiusError
from postgres_server import Database, new_database, postgres_server

__all__ = ["new_database", "postgres_server"]

LONG_S = 60.0
NUMBERS = "SELECT i, md5(i::text) FROM generate_series(1, 20000) i"


@dataclass
class Here:
    """A folder of numbered migrations, and the database that it is applied to."""

    root: Path
    database: Database
    lock_timeout_s: float = 0.3
    retry_within_s: float = 0.0
    told: list[str] = field(default_factory=list)

    @property
    def target(self) -> Target:
        address = parsed("main", self.database.url)
        return Target("postgresql", None, address, self.lock_timeout_s, self.retry_within_s)

    def write(self, name: str, sql: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(sql)

    def apply(self) -> list[str]:
        return [one.name for one in SqlSource().apply(self.root, self.target, progress=self.told.append)]

    def apply_in_hold(self, within_s: float, told: Callable[[str], None] | None = None) -> None:
        port = LiveMigrations(SqlSource(), lambda: self.target)
        port.apply(self.root, progress=told or self.told.append, within_s=within_s)

    def pending(self) -> list[str]:
        return [one.name for one in SqlSource().pending(self.root, self.target)]

    def applied(self) -> list[str]:
        return [one.name for one in SqlSource().applied(self.target, self.root)]

    def indexes(self) -> dict[str, bool]:
        """By name: whether it is valid."""
        rows = self.database.execute(
            "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND NOT i.indisprimary"
        )
        return {str(name): bool(valid) for name, valid in rows}

    def tables(self) -> set[str]:
        rows = self.database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {str(name) for (name,) in rows}

    @contextlib.contextmanager
    def holding(self, sql: str) -> Iterator[psycopg.Connection[Any]]:
        """Another session in the middle of a transaction."""
        with contextlib.closing(psycopg.connect(self.database.url, application_name="shop")) as db:
            db.execute(sql.encode())
            yield db


@pytest.fixture
def here(new_database: Callable[..., Database], tmp_path: Path) -> Here:
    one = Here(tmp_path / "migrations", new_database("live"))
    one.write(
        "001_note.sql", f"CREATE TABLE note (id int PRIMARY KEY, text text);\nINSERT INTO note {NUMBERS};"
    )
    one.apply()
    return one


# -- locks ----------------------------------------------------------------------------------------------------------


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
        told = _Told(lambda line: "attempt 1;" in line, holder.rollback)
        SqlSource().apply(here.root, here.target, progress=told)
    assert here.applied() == ["001_note", "002_more"]
    first = next(line for line in told.lines if "attempt 1;" in line)
    assert first.startswith(
        "002_more.sql: a lock was not had within 0.3 s at line 1, attempt 1; blocked by process"
    )
    assert "; again in 0." in first


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
        told = _Told(lambda line: "attempt 3;" in line, reader.rollback)
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


# -- two deployers --------------------------------------------------------------------------------------------------

MIGRATOR = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from mobius.adapters.databases.postgres_address import parsed
    from mobius.adapters.migrations.source import Target
    from mobius.adapters.migrations.sql_source import SqlSource
    target = Target("postgresql", address=parsed("main", sys.argv[2]), lock_timeout_s=30.0)
    SqlSource().apply(Path(sys.argv[1]), target, progress=lambda line: print(line, flush=True))
    """
)


@contextlib.contextmanager
def migrating(here: Here) -> Iterator[subprocess.Popen[str]]:
    """Another deployer, killed at the end if it still runs."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", MIGRATOR, str(here.root), here.database.url]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline().startswith("migration 1 of ")
            yield other
        finally:
            other.kill()


def test_two_deployers_cannot_migrate_at_once_and_the_second_is_told_who_does(here: Here) -> None:
    here.write("002_slow.sql", "CREATE TABLE slow (a int);\nSELECT pg_sleep(60);")
    with migrating(here) as other:
        _until(lambda: here.database.one("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 1)
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
        _until(lambda: _applies(here))
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
        _until(lambda: _runs(here, "pg_sleep"))
        other.send_signal(signal.SIGKILL)
        other.wait(LONG_S)
    killed = time.monotonic()
    _until(lambda: not _runs(here, "pg_sleep"))
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


# -- outside of a transaction ---------------------------------------------------------------------------------------


def test_half_a_migration_is_told_and_no_way_down_is_taken_over_it(here: Here) -> None:
    rename = "ALTER TABLE note RENAME COLUMN text TO body;"
    root, target = here.root.with_name("of_dbmate"), here.target
    root.mkdir()
    file = root / "20240102000000_body.sql"
    file.write_text(
        f"-- migrate:up transaction:false\nSET work_mem = '8MB';\n{rename}\nUPDATE note SET nowhere = 1;\n"
        "-- migrate:down\nALTER TABLE note RENAME COLUMN body TO text;\n"
    )
    here.database.execute("DROP TABLE mobius_migrations")

    with pytest.raises(MobiusError, match="nowhere"):
        SqlSource().apply(root, target, progress=print)

    half = f"migration {file.name} was left in the middle, at line 4: 1 statement(s) before it are done"
    assert SqlSource().left_half(root, target) == half
    with pytest.raises(GateFailed, match="was left in the middle, at line 4"):
        SqlSource().down(root, target, [file.stem])
    here.database.execute("ALTER TABLE note ADD COLUMN nowhere int")
    SqlSource().apply(root, target, progress=print)
    assert SqlSource().left_half(root, target) == ""
    SqlSource().down(root, target, [file.stem])
    assert SqlSource().applied(target, root) == ()


def test_where_the_first_statement_fails_nothing_is_half(here: Here) -> None:
    here.write("002_index.sql", "CREATE INDEX CONCURRENTLY note_nowhere ON note (nowhere);")

    with pytest.raises(MobiusError, match="nowhere"):
        here.apply()

    assert "mobius_unfinished" in here.tables()
    assert SqlSource().left_half(here.root, here.target) == ""


def test_an_index_is_built_concurrently_and_written_down(here: Here) -> None:
    here.write("002_index.sql", "CREATE INDEX CONCURRENTLY note_text ON note (text);")
    here.write("003_after.sql", "CREATE TABLE after_it (a int);")
    assert here.apply() == ["002_index", "003_after"]
    assert here.indexes() == {"note_text": True}
    assert here.tables() == {"note", "after_it", "mobius_migrations"}


def test_a_unique_index_that_the_data_refuses_leaves_no_invalid_one(here: Here) -> None:
    here.database.execute("UPDATE note SET text = 'same' WHERE id < 3")
    here.write("002_index.sql", "CREATE UNIQUE INDEX CONCURRENTLY note_text ON public.note (text);")
    with pytest.raises(MobiusError, match="could not create unique index"):
        here.apply()
    assert (here.indexes(), here.pending()) == ({}, ["002_index"])
    here.database.execute("UPDATE note SET text = id::text WHERE id < 3")
    here.apply()
    assert here.indexes() == {"note_text": True}


def test_an_invalid_index_that_somebody_left_is_built_again_even_if_it_may_exist(here: Here) -> None:
    here.database.execute("UPDATE note SET text = 'same' WHERE id < 3")
    with pytest.raises(psycopg.Error):
        here.database.execute("CREATE UNIQUE INDEX CONCURRENTLY note_text ON note (text)")
    here.database.execute("UPDATE note SET text = id::text WHERE id < 3")
    assert here.indexes() == {"note_text": False}
    here.write("002_index.sql", "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS note_text ON note (text);")
    here.apply()
    assert here.indexes() == {"note_text": True}


def test_a_deployer_killed_while_it_builds_an_index_is_carried_on_from(here: Here) -> None:
    here.write(
        "002_index.sql",
        "CREATE INDEX CONCURRENTLY note_id ON note (id, text);\nCREATE INDEX CONCURRENTLY note_text ON note (text);",
    )
    here.write("003_vacuum.sql", "VACUUM note;")
    with here.holding("INSERT INTO note VALUES (0, 'x')"):
        with migrating(here) as other:
            # The first index waits for the transaction above, invalid until then.
            _until(lambda: here.indexes().get("note_id") is False)
            other.send_signal(signal.SIGKILL)
            other.wait(LONG_S)
        assert here.pending() == ["002_index", "003_vacuum"]
    _until(lambda: _applies(here))
    assert here.indexes() == {"note_id": True, "note_text": True}
    assert here.applied() == ["001_note", "002_index", "003_vacuum"]
    assert "mobius_unfinished" not in here.tables()


def test_an_index_that_waits_too_long_is_given_up_or_tried_again(here: Here) -> None:
    here.write("002_index.sql", "CREATE INDEX CONCURRENTLY note_text ON note (text);")
    with (
        here.holding("INSERT INTO note VALUES (0, 'x')"),
        pytest.raises(MobiusError, match="gave up: a lock was not had within") as caught,
    ):
        here.apply()
    assert caught.value.details[-1] == "an unfinished index is left of it, which the next try drops first"
    assert (here.indexes(), here.pending()) == ({"note_text": False}, ["002_index"])
    here.retry_within_s = LONG_S
    with here.holding("INSERT INTO note VALUES (0, 'x')") as holder:
        told = _Told(lambda line: "attempt 1;" in line, holder.rollback)
        SqlSource().apply(here.root, here.target, progress=told)
    assert here.indexes() == {"note_text": True}


def test_a_statement_of_which_nobody_can_tell_is_not_repeated_but_asked_about(here: Here) -> None:
    name = "20240101000000_count.sql"
    other = Here(here.root.parent / "dbmate", here.database)
    here.database.execute("DROP TABLE mobius_migrations")
    body = "-- migrate:up transaction:false\nUPDATE note SET text = text || '!';\nSELECT pg_sleep(60);\n"
    other.write(name, body)
    with migrating(other) as deployer:
        _until(lambda: _runs(here, "pg_sleep"))
        deployer.send_signal(signal.SIGKILL)
        deployer.wait(LONG_S)
    _until(lambda: not _runs(here, "pg_sleep"))
    for look in (other.pending, other.apply):
        with pytest.raises(GateFailed, match="was interrupted at line 3, and nobody can tell") as caught:
            look()
    done, not_done = (line.split(": ", 1)[1].strip() for line in caught.value.details[1:])
    assert here.database.one("SELECT count(*) FROM note WHERE text LIKE '%!'") == 20000
    here.database.execute(not_done.rstrip(";"))
    assert other.pending() == [name.removesuffix(".sql")]
    here.database.execute(done.rstrip(";"))
    assert other.apply() == [name.removesuffix(".sql")]
    assert here.database.one("SELECT count(*) FROM note WHERE text LIKE '%!!'") == 0
    assert "mobius_unfinished" not in here.tables()


def test_a_kill_while_settings_are_made_again_forgets_nothing_of_what_is_done(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a setting notes must not stand before the statements after it."""
    other = Here(here.root.parent / "dbmate", here.database)
    here.database.execute("DROP TABLE mobius_migrations")
    counted = "UPDATE note SET text = text || '!' WHERE id = 1;"
    other.write(
        "20240101000000_count.sql",
        f"-- migrate:up transaction:false\nSET work_mem = '8MB';\n{counted}\nSELECT 1 / 0;\n",
    )
    with pytest.raises(MobiusError, match="division by zero"):
        other.apply()

    class Killed(BaseException):
        """The deployer is gone."""

    run = PostgresMoving.execute

    def killed_at_a_setting(moving: PostgresMoving, statement: Statement, path: Path, kept: str) -> None:
        run(moving, statement, path, kept)
        if statement.sql.startswith("SET"):
            raise Killed

    with monkeypatch.context() as once, pytest.raises(Killed):
        once.setattr(PostgresMoving, "execute", killed_at_a_setting)
        other.apply()
    with pytest.raises(MobiusError, match="division by zero"):
        other.apply()
    assert here.database.one("SELECT count(*) FROM note WHERE text LIKE '%!!'") == 0


def test_taking_back_drops_an_index_concurrently(here: Here) -> None:
    here.write("002_index.sql", "CREATE INDEX CONCURRENTLY note_text ON note (text);")
    here.write("002_index.down.sql", "DROP INDEX CONCURRENTLY note_text;")
    here.apply()
    for _ in range(2):
        SqlSource().down(here.root, here.target, ["002_index"])
        assert (here.indexes(), here.applied()) == ({}, ["001_note"])


def test_a_mixture_of_both_is_refused_before_anything_runs(here: Here) -> None:
    here.write(
        "002_mixed.sql", "CREATE TABLE more (a int);\nCREATE INDEX CONCURRENTLY note_text ON note (text);"
    )
    with pytest.raises(
        GateFailed, match=r"CREATE INDEX CONCURRENTLY.* \(line 2\), and others that should \(line 1\)"
    ):
        here.pending()
    assert "more" not in here.tables()


# -- what goes wrong ------------------------------------------------------------------------------------------------


def test_a_server_that_is_not_there_and_a_wrong_password_are_said(here: Here) -> None:
    for url, words in (
        ("postgresql://mobius@127.0.0.1:1/nowhere", "cannot|failed|refused"),
        (f"{here.database.url.replace(here.database.name, 'nowhere')}", 'database "nowhere" does not exist'),
    ):
        target = Target("postgresql", address=parsed("main", url))
        with pytest.raises(MobiusError, match=words) as caught:
            SqlSource().pending(here.root, target)
        assert caught.value.hint


def test_whoever_may_not_change_a_table_is_told_to_own_it(here: Here) -> None:
    here.database.execute("CREATE ROLE guest LOGIN")
    try:
        here.database.execute("GRANT ALL ON SCHEMA public TO guest")
        here.database.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO guest")
        here.write("002_more.sql", "ALTER TABLE note ADD COLUMN more int;")
        url = here.database.server.url(here.database.name, user="guest")
        target = Target("postgresql", address=parsed("main", url))
        with pytest.raises(MobiusError, match="must be owner of table note") as caught:
            SqlSource().apply(here.root, target, progress=here.told.append)
        assert "let guest own what it changes" in caught.value.hint
    finally:
        here.database.execute("DROP OWNED BY guest")
        here.database.execute("DROP ROLE guest")


def test_a_deferred_constraint_that_fails_at_the_commit_leaves_nothing(here: Here) -> None:
    here.write(
        "002_child.sql",
        "CREATE TABLE child (note int REFERENCES note DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO child VALUES (-1);",
    )
    with pytest.raises(MobiusError, match="violates foreign key constraint"):
        here.apply()
    assert (here.pending(), "child" in here.tables()) == (["002_child"], False)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("\\copy note from 'x.csv'", r"uses \\copy \(line 1\)"),
        ("COPY note FROM STDIN;\n1\ta\n\\.\n", r"uses COPY … FROM STDIN \(line 1\)"),
        ("SELECT 'open;", r"cannot be read: .* \(line 1\)"),
        ("BEGIN;\nSELECT 1;\nCOMMIT;\nSELECT 2;\nCOMMIT;", r"uses BEGIN \(line 1\)"),
        ("SELECT 1;\nROLLBACK;", r"uses ROLLBACK \(line 2\)"),
        ("-- nothing\n;", "holds no statement"),
    ],
)
def test_a_file_that_cannot_be_run_is_refused_before_anything_runs(here: Here, sql: str, words: str) -> None:
    here.write("002_first.sql", "CREATE TABLE first (a int);")
    here.write("003_bad.sql", sql)
    with pytest.raises(GateFailed, match=words):
        here.apply()
    assert "first" not in here.tables()


# -- helpers --------------------------------------------------------------------------------------------------------


class _Told:
    """Takes what is told, and does something at the first line of a kind."""

    def __init__(self, is_it: Callable[[str], bool], then: Callable[[], object]) -> None:
        self.lines: list[str] = []
        self._is_it, self._then = is_it, then

    def __call__(self, line: str) -> None:
        if self._is_it(line) and not any(map(self._is_it, self.lines)):
            self._then()
        self.lines.append(line)


def _runs(here: Here, word: str) -> bool:
    sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s AND pid <> pg_backend_pid()"
    return bool(here.database.execute(sql, [f"%{word}%"])[0][0])


def _applies(here: Here) -> bool:
    """Whether it could be applied; not while the server still ends what a killed one did."""
    try:
        here.apply()
    except (Locked, MobiusError) as problem:
        if isinstance(problem, Locked) or "is being built" in problem.message:
            return False
        raise
    return True


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.05)
