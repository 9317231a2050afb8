"""Migrations tried on a copy of an SQLite database: what is seen of rows, waits, checks and the way down."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adapters.trial.programs import Local, program
from mobius.adapters.migrations.source import MigrationSource, Target
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.adapters.trial.trying import tried as trying
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


def tried(copy: Path, up: str, down: str | None = None, *, fast: bool = False, within_s: float = 60) -> Trial:
    folder = copy.with_name("migrations")
    folder.mkdir(exist_ok=True)
    (folder / "001_step.sql").write_text(up)
    if down is not None:
        (folder / "001_step.down.sql").write_text(down)
    return tried_by(SqlSource(), folder, copy, fast=fast, within_s=within_s)


def tried_by(
    source: MigrationSource, folder: Path, copy: Path, *, fast: bool = False, within_s: float = 60.0
) -> Trial:
    place = copy.with_name("place")
    place.mkdir()
    with trying(
        source,
        folder,
        Target("sqlite", path=copy),
        fast=fast,
        runner=Local(),
        place=place,
        progress=lambda _: None,
        within_s=within_s,
    ) as found:
        return found.trial


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


@pytest.mark.parametrize(
    ("more", "is_open"), [("", True), ("UPDATE users SET nick = 'other' WHERE id = 7;", False)]
)
def test_rows_that_came_and_stay_are_no_loss_where_all_others_are_as_they_were(
    copy: Path, more: str, is_open: bool
) -> None:
    trial = tried(copy, f"INSERT INTO users (id, mail) VALUES (50000, 'new'); {more}", "SELECT 1;")
    assert judge_trial(trial, old=WORKS, new=WORKS).ways[1].is_open is is_open


def test_a_program_that_rebuilds_a_table_with_foreign_keys_on_is_caught_by_the_rows_it_deletes(
    copy: Path,
) -> None:
    """The pragma is inside the transaction, where it does nothing: no error, and every check is clean."""
    up = f"""db.execute("PRAGMA foreign_keys = ON")
db.executescript({f"BEGIN; PRAGMA foreign_keys = OFF; {REBUILD} COMMIT;"!r})"""
    folder = copy.with_name("knex")
    trial = tried_by(program(folder, up), folder, copy)
    assert (rows_of(trial, "orders").before, rows_of(trial, "orders").after) == (500, 0)
    assert trial.broken_checks == ()
    assert trial.opaque
    verdict = judge_trial(trial, old=WORKS, new=WORKS)
    assert verdict.impact is Impact.HIGH
    assert verdict.stops[0].startswith("500 rows of orders are gone, though no statement names it")


def test_a_program_that_changes_values_is_no_alarm_and_its_way_down_is_tried(copy: Path) -> None:
    folder = copy.with_name("knex")
    source = program(
        folder, "db.execute('ALTER TABLE users ADD a'); db.execute('UPDATE users SET nick = 1')", ""
    )
    trial = tried_by(source, folder, copy)
    verdict = judge_trial(trial, old=WORKS, new=WORKS)
    assert verdict.stops == ()
    assert verdict.ways[1].why.startswith("the way down loses data: users has as many rows, and other values")


def test_a_program_that_is_killed_half_way_is_told_with_what_it_left(copy: Path) -> None:
    folder = copy.with_name("knex")
    up = "db.execute('ALTER TABLE users ADD half')\nimport signal; os.kill(os.getpid(), signal.SIGKILL)"
    trial = tried_by(program(folder, up), folder, copy)
    assert "ended by signal 9" in trial.statements[-1].error
    assert "half" in trial.schema_diff
    assert not trial.down.there
    assert judge_trial(trial, old=WORKS, new=WORKS).stops


ENDLESS = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n /* endless */;"
)


def test_a_migration_that_hangs_is_ended_and_its_statement_named(copy: Path) -> None:
    trial = tried(copy, f"ALTER TABLE users ADD a; {ENDLESS}", within_s=0.5)
    assert trial.seconds < 10
    error = trial.statements[-1].error
    assert error.startswith("it was not done in 0.5 s, and was ended: WITH RECURSIVE")
    assert "+" not in trial.schema_diff


def test_a_program_that_hangs_is_ended(copy: Path) -> None:
    folder = copy.with_name("knex")
    trial = tried_by(program(folder, "import time; time.sleep(600)"), folder, copy, within_s=0.5)
    assert trial.seconds < 30
    assert "was not done in" in trial.statements[-1].error


def test_the_restored_database_stays_and_whoever_starts_gets_a_migrated_copy_of_its_own(copy: Path) -> None:
    folder, place = copy.with_name("migrations"), copy.with_name("place")
    folder.mkdir()
    place.mkdir()
    (folder / "001_step.sql").write_text("DROP TABLE orders;")
    was = copy.read_bytes()
    target = Target("sqlite", path=copy)
    with trying(
        SqlSource(), folder, target, fast=True, runner=None, place=place, progress=lambda _: None
    ) as found:
        with found.copy("old") as old, found.copy("new") as new:
            assert old.path is not None and new.path is not None
            for path in (old.path, new.path):
                with closing(sqlite3.connect(path)) as db, db:
                    assert db.execute("SELECT count(*) FROM users").fetchone() == (20000,)
                    db.execute("DELETE FROM users")
        with found.copy("old") as old, closing(sqlite3.connect(old.path or "")) as db:
            assert db.execute("SELECT count(*) FROM users").fetchone() == (20000,)
    assert copy.read_bytes() == was
    assert list(place.iterdir()) == []


def test_what_is_committed_in_a_log_beside_the_file_is_tried_as_well(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as db, db:
        db.execute("INSERT INTO users VALUES (99999, 'in the log', '')")
        db.commit()
        trial = tried(copy, "UPDATE users SET nick = mail WHERE id = 99999;")
    assert rows_of(trial, "users").before == 20001


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


@pytest.mark.parametrize("fast", [False, True])
def test_values_that_change_where_nobody_says_so_are_seen(copy: Path, fast: bool) -> None:
    with closing(sqlite3.connect(copy)) as db, db:
        db.execute(
            "CREATE TRIGGER sly AFTER UPDATE ON orders BEGIN UPDATE users SET mail = 'x' WHERE id = new.user; END"
        )
    trial = tried(copy, "UPDATE orders SET id = id + 1000 WHERE id < 10;", fast=fast)
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


def test_a_program_that_fails_says_what_it_said(copy: Path) -> None:
    folder = copy.with_name("knex")
    trial = tried_by(program(folder, "raise KeyError('x')"), folder, copy)
    assert trial.statements[-1].error.endswith("failed (exit code 1): KeyError: 'x'")


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
    assert {path.name for path in copy.parent.iterdir()} == {"copy.db", "migrations", "place"}
    assert list(copy.with_name("place").iterdir()) == []
