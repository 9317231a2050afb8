"""Migrations that PostgreSQL runs outside of a transaction: carried on from, tidied, and told when they are half."""

from __future__ import annotations

import signal
from pathlib import Path

import psycopg
import pytest

from adapters.migrations.live_postgres import LONG_S, Here, Told, applies, here, migrating, runs, until
from mobius.adapters.migrations.postgres_running import PostgresMoving
from mobius.adapters.migrations.source import Statement
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.errors import GateFailed, MobiusError
from postgres_server import new_database, postgres_server

__all__ = ["here", "new_database", "postgres_server"]


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
            until(lambda: here.indexes().get("note_id") is False)
            other.send_signal(signal.SIGKILL)
            other.wait(LONG_S)
        assert here.pending() == ["002_index", "003_vacuum"]
    until(lambda: applies(here))
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
        told = Told(lambda line: "attempt 1;" in line, holder.rollback)
        SqlSource().apply(here.root, here.target, progress=told)
    assert here.indexes() == {"note_text": True}


def test_a_statement_of_which_nobody_can_tell_is_not_repeated_but_asked_about(here: Here) -> None:
    name = "20240101000000_count.sql"
    other = Here(here.root.parent / "dbmate", here.database)
    here.database.execute("DROP TABLE mobius_migrations")
    body = "-- migrate:up transaction:false\nUPDATE note SET text = text || '!';\nSELECT pg_sleep(60);\n"
    other.write(name, body)
    with migrating(other) as deployer:
        until(lambda: runs(here, "pg_sleep"))
        deployer.send_signal(signal.SIGKILL)
        deployer.wait(LONG_S)
    until(lambda: not runs(here, "pg_sleep"))
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


def by_dbmate(here: Here, *statements: str) -> tuple[Here, str]:
    """The same database with a folder of dbmate's, and the name of its one migration, which runs outside."""
    other, name = Here(here.root.parent / "dbmate", here.database), "20240101000000_count"
    here.database.execute("DROP TABLE mobius_migrations")
    other.write(f"{name}.sql", "\n".join(["-- migrate:up transaction:false", *statements, ""]))
    return other, name


COUNTS = """
CREATE PROCEDURE counts() LANGUAGE plpgsql AS $$ BEGIN
  UPDATE note SET text = text || '!' WHERE id = 1;
  COMMIT;
  UPDATE note SET text = text || '!' WHERE id = 2;
END $$
"""
COUNTED = "SELECT length(text) - length(replace(text, '!', '')) FROM note WHERE id = 1"


@pytest.mark.parametrize(
    "statement", ["CALL counts();", f"DO $$ {COUNTS.split('$$')[1]} $$;"], ids=["procedure", "block"]
)
def test_what_may_commit_a_part_of_its_work_is_never_repeated_by_itself(here: Here, statement: str) -> None:
    here.database.execute(COUNTS)
    other, name = by_dbmate(here, statement)
    other.retry_within_s = LONG_S
    with (
        here.holding("UPDATE note SET text = text WHERE id = 2"),
        pytest.raises(MobiusError, match="it may have committed a part of its work, so it is not") as caught,
    ):
        other.apply()
    assert "1 attempt(s)" in caught.value.message
    assert caught.value.message.endswith("; what it committed by itself stays")
    assert here.database.one(COUNTED) == 1, "the first half is there, once"
    assert "may be done there too" in SqlSource().left_half(other.root, other.target)
    with pytest.raises(GateFailed, match="nobody can tell whether that statement is done") as asked:
        other.apply()
    not_done = asked.value.details[2].split(": ", 1)[1]
    here.database.execute(not_done.rstrip(";"))
    assert other.apply() == [name]
    assert here.database.one(COUNTED) == 2, "a person said so"


def test_a_block_that_commits_nothing_by_itself_is_tried_again(here: Here) -> None:
    other, _ = by_dbmate(here, "DO $$ BEGIN UPDATE note SET text = text || '!' WHERE id = 1; END $$;")
    other.retry_within_s = LONG_S
    with here.holding("UPDATE note SET text = text WHERE id = 1") as holder:
        told = Told(lambda line: "attempt 1;" in line, holder.rollback)
        assert SqlSource().apply(other.root, other.target, progress=told)
    assert here.database.one(COUNTED) == 1


def test_a_file_that_runs_outside_may_be_one_transaction_of_its_own_and_then_is_ours(here: Here) -> None:
    other, name = by_dbmate(here, "BEGIN;", "CREATE TABLE first (a int);", "SELECT 1 / 0;", "COMMIT;")
    with pytest.raises(MobiusError, match="division by zero"):
        other.apply()
    assert "first" not in here.tables() and "mobius_unfinished" not in here.tables()
    other.write(
        f"{name}.sql", "-- migrate:up transaction:false\nBEGIN;\nCREATE TABLE first (a int);\nCOMMIT;\n"
    )
    assert other.apply() == [name]
    assert "first" in here.tables()


def test_a_transaction_in_the_middle_of_a_file_that_runs_outside_is_refused(here: Here) -> None:
    other, _ = by_dbmate(here, "CREATE TABLE first (a int);", "BEGIN;", "DROP TABLE note;", "COMMIT;")
    with pytest.raises(GateFailed, match=r"uses BEGIN \(line 3\)") as caught:
        other.pending()
    assert caught.value.hint == "give that transaction a migration of its own: this one runs outside of any"
    assert "first" not in here.tables()
