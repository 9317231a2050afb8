"""Migrations tried on a copy of an SQLite database: what is seen of rows, waits, checks and the way down."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mobius.adapters.trial.sqlite import try_command, try_on_copy
from mobius.errors import MobiusError
from mobius.model.linting import Impact
from mobius.model.plan import Way
from mobius.model.trial import Booted, Rows, Trial
from mobius.rules.trials import judge_trial

WORKS = Booted(True, True, seconds=1.0)
REBUILD = """
CREATE TABLE users_new (id INTEGER PRIMARY KEY, mail TEXT NOT NULL);
INSERT INTO users_new SELECT id, mail FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    path = tmp_path / "copy.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(
            """
            PRAGMA journal_mode = WAL;
            CREATE TABLE users (id INTEGER PRIMARY KEY, mail TEXT, nick TEXT);
            CREATE TABLE orders (id INTEGER PRIMARY KEY, user INTEGER REFERENCES users (id) ON DELETE CASCADE);
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
              INSERT INTO users SELECT i, 'mail' || i, 'nick' || i FROM n;
            INSERT INTO orders SELECT id, id FROM users WHERE id <= 500;
            """
        )
    return path


def tried(copy: Path, up: str, down: str | None = None, *, fast: bool = False) -> Trial:
    folder = copy.with_name("migrations")
    folder.mkdir(exist_ok=True)
    (folder / "001_step.sql").write_text(up)
    if down is not None:
        (folder / "001_step.down.sql").write_text(down)
    return try_on_copy(copy, folder, before=kept(copy), fast=fast)


def kept(copy: Path) -> Path:
    """What is there before, as a restore gives it."""
    before = copy.with_name("restored") / "app.db"
    before.parent.mkdir()
    if copy.exists():
        shutil.copyfile(copy, before)
    return before


def rows_of(trial: Trial, table: str) -> Rows:
    return next(rows for rows in trial.rows if rows.table == table)


def test_a_column_more_changes_no_row_and_the_way_down_gives_everything_back(copy: Path) -> None:
    trial = tried(
        copy, "ALTER TABLE users ADD COLUMN score INTEGER DEFAULT 0;", "ALTER TABLE users DROP COLUMN score;"
    )
    assert not any(rows.is_changed for rows in trial.rows)
    assert [(each.text, each.error) for each in trial.statements] == [
        ("ALTER TABLE users ADD COLUMN score INTEGER DEFAULT 0;", ""),
        ("COMMIT", ""),
    ]
    verdict = judge_trial(trial, old=Booted(False, why="not asked"), new=WORKS)
    assert (verdict.way, verdict.stops) == (Way.DOWN, ())
    assert trial.schema_diff.splitlines()[-1].startswith("+CREATE TABLE users (")


def test_a_command_that_rebuilds_a_table_with_foreign_keys_on_is_caught_by_the_rows_it_deletes(
    copy: Path,
) -> None:
    """The pragma is inside the transaction, where it does nothing: no error, and every check is clean."""

    def run() -> None:
        with closing(sqlite3.connect(copy, isolation_level=None)) as db:
            db.execute("PRAGMA foreign_keys = ON")
            db.executescript(f"BEGIN; PRAGMA foreign_keys = OFF; {REBUILD} COMMIT;")

    trial = try_command(copy, run, before=kept(copy), name="knex migrate:latest")
    assert (rows_of(trial, "orders").before, rows_of(trial, "orders").after) == (500, 0)
    assert trial.broken_checks == ()
    verdict = judge_trial(trial, old=WORKS, new=WORKS)
    assert verdict.impact is Impact.HIGH
    assert verdict.stops == ("500 rows of orders are gone, though no statement names it",)


def test_the_same_rebuild_by_mobius_deletes_nothing(copy: Path) -> None:
    trial = tried(copy, REBUILD)
    assert rows_of(trial, "orders").after == 500
    assert judge_trial(trial, old=WORKS, new=WORKS).stops == ()


@pytest.mark.parametrize("fast", [False, True])
def test_a_way_down_that_loses_what_a_column_held_is_not_open(copy: Path, fast: bool) -> None:
    up = "ALTER TABLE users DROP COLUMN nick;"
    trial = tried(copy, up, "ALTER TABLE users ADD COLUMN nick TEXT;", fast=fast)
    way = judge_trial(trial, old=WORKS, new=WORKS).ways[1]
    assert (way.is_open, way.why) == (
        False,
        "the way down loses data: users has as many rows, and other values in them",
    )


@pytest.mark.parametrize("fast", [False, True])
def test_deleted_rows_are_counted_also_when_the_way_down_works(copy: Path, fast: bool) -> None:
    trial = tried(copy, "DELETE FROM users WHERE id > 19000;", "SELECT 1;", fast=fast)
    verdict = judge_trial(trial, old=WORKS, new=WORKS)
    assert "1,000 rows of users are gone" in verdict.reasons
    assert verdict.ways[1].why == "the way down loses data: 1,000 rows of users are gone"


def test_values_that_change_where_nobody_says_so_are_seen(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as db, db:
        db.execute(
            "CREATE TRIGGER sly AFTER UPDATE ON orders BEGIN UPDATE users SET mail = 'x' WHERE id = new.user; END"
        )
    trial = tried(copy, "UPDATE orders SET id = id + 1000 WHERE id < 10;")
    assert judge_trial(trial, old=WORKS, new=WORKS).stops == (
        "users has as many rows, and other values in them, though no statement names it",
    )


def test_a_view_that_no_longer_opens_is_found(copy: Path) -> None:
    trial = tried(copy, "ALTER TABLE users RENAME TO people; CREATE VIEW mails AS SELECT mail FROM users;")
    assert trial.broken_checks[0].startswith("the view mails no longer opens: no such table: ")


def test_a_migration_that_fails_is_told_with_its_statement(copy: Path) -> None:
    trial = tried(copy, "SELECT 1;\nCREATE UNIQUE INDEX once ON orders (user % 10);")
    failed = trial.statements[-1]
    assert failed.error == "UNIQUE constraint failed: index 'once'"
    stops = judge_trial(trial, old=WORKS, new=WORKS).stops
    assert stops[0] == "the migration fails on the copy: UNIQUE constraint failed: index 'once'"


def test_writers_wait_for_the_whole_migration_and_readers_of_a_write_ahead_log_do_not(copy: Path) -> None:
    trial = tried(copy, "UPDATE users SET nick = upper(nick) || hex(randomblob(200));")
    update = trial.statements[0]
    assert update.write_blocked_s >= 0.5 * update.seconds > 0
    assert update.read_blocked_s == 0.0
    assert sum(each.wal_bytes for each in trial.statements) > 1_000_000


def test_a_command_that_fails_says_what_it_said(copy: Path) -> None:
    def run() -> None:
        raise MobiusError("alembic ended with 1: KeyError: 'x'")

    trial = try_command(copy, run, before=kept(copy), name="alembic upgrade head")
    assert [each.error for each in trial.statements] == ["alembic ended with 1: KeyError: 'x'"]


def test_the_first_migration_makes_the_database(tmp_path: Path) -> None:
    trial = tried(tmp_path / "new.db", "CREATE TABLE users (id INTEGER PRIMARY KEY);", "DROP TABLE users;")
    assert [each.error for each in trial.statements] == ["", ""]
    assert judge_trial(trial, old=WORKS, new=WORKS).stops == ()
    assert trial.down.there and not trial.down.error and not trial.down.schema_differs


def test_a_table_is_named_however_its_letters_are_written_and_however_late_in_the_statement(
    copy: Path,
) -> None:
    with closing(sqlite3.connect(copy)) as db, db:
        db.executescript("CREATE TABLE Notes (id INTEGER PRIMARY KEY); INSERT INTO Notes VALUES (1), (2);")
    long = ", ".join(f"'{'x' * 40}' AS c{number}" for number in range(30))
    up = f"CREATE TABLE copied AS SELECT {long}, id FROM NOTES; DELETE FROM nOtEs WHERE id = 1;"
    trial = tried(copy, up)
    assert rows_of(trial, "Notes").touched
    assert judge_trial(trial, old=WORKS, new=WORKS).stops == ()


def test_what_triggers_write_more_is_told_and_stops_nothing(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as db, db:
        db.executescript(
            """CREATE TABLE audit (what TEXT);
            CREATE VIRTUAL TABLE found USING fts5 (mail);
            INSERT INTO found SELECT mail FROM users WHERE id < 500;
            CREATE TRIGGER noted AFTER UPDATE ON orders BEGIN
              INSERT INTO audit VALUES ('changed'); INSERT INTO found VALUES ('order'); END;"""
        )
    trial = tried(copy, "UPDATE orders SET user = 1 WHERE id < 4;", fast=True)
    verdict = judge_trial(trial, old=WORKS, new=WORKS)
    assert "audit has 3 rows more, though no statement names it" in verdict.reasons
    assert verdict.stops == ()
    assert {rows.table for rows in trial.rows} == {"audit", "found", "orders", "users"}


def test_a_text_that_is_none_and_a_table_that_is_gone_are_no_trouble(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as db, db:
        db.execute("INSERT INTO users VALUES (99999, CAST(x'ff00fe' AS TEXT), '')")
    trial = tried(copy, "DROP TABLE orders; UPDATE users SET nick = '';", "SELECT 1;")
    assert rows_of(trial, "orders").after == -1
    assert (
        judge_trial(trial, old=WORKS, new=WORKS)
        .ways[1]
        .why.startswith("the way down loses data: orders is gone")
    )


def test_nothing_is_left_beside_the_copy(copy: Path) -> None:
    tried(copy, "ALTER TABLE users ADD COLUMN a;", "ALTER TABLE users DROP COLUMN a;")
    left = {path.name for path in copy.parent.iterdir()} - {
        "copy.db",
        "copy.db-wal",
        "restored",
        "copy.db-shm",
        "migrations",
    }
    assert left == set()
