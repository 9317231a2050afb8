"""Migrations are there whole or not at all, in order, and are taken back the same way."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from mobius.adapters.migrations.live import LiveMigrations
from mobius.adapters.migrations.source import Target
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.errors import BackupInvalid, GateFailed, MobiusError
from mobius.model.seen import Migration


@dataclass(frozen=True)
class Here:
    """A folder, and the database that it is applied to."""

    directory: Path
    database: Path

    @property
    def target(self) -> Target:
        return Target("sqlite", path=self.database, busy_timeout_s=0.05)

    def pending(self) -> list[str]:
        return [each.name for each in SqlSource().pending(self.directory, self.target)]

    def applied(self) -> tuple[Migration, ...]:
        return SqlSource().applied(self.target, self.directory)

    def apply(self, told: list[str] | None = None) -> tuple[Migration, ...]:
        tell = (told if told is not None else []).append
        return SqlSource().apply(self.directory, self.target, progress=tell)

    def down(self, *versions: str) -> None:
        SqlSource().down(self.directory, self.target, versions)


@pytest.fixture
def migrations(tmp_path: Path) -> Here:
    """Two migrations with their ways down, on a database that is not there yet."""
    directory = tmp_path / "migrations"
    directory.mkdir()
    (directory / "001_notes.sql").write_text("CREATE TABLE note (id INTEGER PRIMARY KEY, text);\n")
    (directory / "001_notes.down.sql").write_text("DROP TABLE note;\n")
    (directory / "002_tags.sql").write_text("CREATE TABLE tag (note REFERENCES note, word);\n")
    (directory / "002_tags.down.sql").write_text("DROP TABLE tag;\n")
    return Here(directory, tmp_path / "app.db")


def add(migrations: Here, name: str, sql: str) -> Path:
    path = migrations.directory / name
    path.write_text(sql)
    return path


def run(migrations: Here, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(migrations.database, isolation_level=None)) as db:
        return db.execute(sql).fetchall()


def tables(migrations: Here) -> set[str]:
    return {str(row[0]) for row in run(migrations, "SELECT name FROM sqlite_master WHERE type = 'table'")}


def versions(migrations: Here) -> list[str]:
    return [each.version for each in migrations.applied()]


def test_what_is_pending_is_applied_in_order_and_recorded(migrations: Here) -> None:
    assert (migrations.pending(), migrations.applied()) == (["001_notes", "002_tags"], ())
    told: list[str] = []
    assert migrations.apply(told) == migrations.applied()
    assert told == ["migration 1 of 2: 001_notes", "migration 2 of 2: 002_tags"]
    assert tables(migrations) == {"note", "tag", "mobius_migrations"}
    assert (migrations.pending(), versions(migrations)) == ([], ["001", "002"])
    (at,) = run(migrations, "SELECT applied_at FROM mobius_migrations WHERE version = '001'")
    assert str(at[0]).endswith("+00:00")


def test_applying_again_changes_nothing(migrations: Here) -> None:
    migrations.apply()
    before = migrations.database.read_bytes()
    assert migrations.apply() == ()
    assert migrations.database.read_bytes() == before


def test_looking_creates_no_database(migrations: Here) -> None:
    migrations.pending()
    migrations.applied()
    assert not migrations.database.exists()


def test_a_migration_that_fails_leaves_no_trace_and_says_where(migrations: Here) -> None:
    add(migrations, "003_bad.sql", "CREATE TABLE half (a);\n\nINSERT INTO gone VALUES (1);\n")
    with pytest.raises(MobiusError) as caught:
        migrations.apply()
    assert str(caught.value) == (
        "migration 003_bad.sql failed at line 3: no such table: gone\n  INSERT INTO gone VALUES (1);"
    )
    assert versions(migrations) == ["001", "002"]
    assert "half" not in tables(migrations)


def test_a_constraint_that_the_data_violates_is_said(migrations: Here) -> None:
    migrations.apply()
    run(migrations, "INSERT INTO note (text) VALUES ('a'), ('a')")
    add(migrations, "003_unique.sql", "CREATE UNIQUE INDEX only ON note (text);")
    with pytest.raises(MobiusError, match="line 1: UNIQUE constraint failed"):
        migrations.apply()
    assert versions(migrations) == ["001", "002"]


def test_a_statement_that_rolls_back_by_itself_leaves_no_trace(migrations: Here) -> None:
    add(migrations, "003_bad.sql", "CREATE TABLE once (a UNIQUE);INSERT INTO once VALUES (1);"
        "INSERT OR ROLLBACK INTO once VALUES (1);")  # fmt: skip
    with pytest.raises(MobiusError, match="UNIQUE constraint failed"):
        migrations.apply()
    assert "once" not in tables(migrations)


def test_a_trigger_with_semicolons_inside_works(migrations: Here) -> None:
    add(migrations, "003_trigger.sql", "CREATE TABLE log (a);\nCREATE TRIGGER t AFTER INSERT ON note BEGIN\n"
        "  INSERT INTO log VALUES (new.id); INSERT INTO log VALUES (';');\nEND;\n")  # fmt: skip
    migrations.apply()
    run(migrations, "INSERT INTO note (text) VALUES ('a')")
    assert run(migrations, "SELECT a FROM log") == [(1,), (";",)]


def test_rebuilding_a_table_keeps_the_rows_that_refer_to_it(migrations: Here) -> None:
    """The usual recipe with its pragma inside the transaction, where SQLite ignores it."""
    run(migrations, "CREATE TABLE parent (id INTEGER PRIMARY KEY, a)")
    run(migrations, "CREATE TABLE child (parent REFERENCES parent ON DELETE CASCADE)")
    run(migrations, "INSERT INTO parent VALUES (1, 'x')")
    run(migrations, "INSERT INTO child VALUES (1)")
    add(migrations, "003_rebuild.sql", "PRAGMA foreign_keys = OFF;\n"
        "CREATE TABLE new (id INTEGER PRIMARY KEY, a NOT NULL);\n"
        "INSERT INTO new SELECT * FROM parent;\nDROP TABLE parent;\nALTER TABLE new RENAME TO parent;\n"
        "PRAGMA foreign_keys = ON;\n")  # fmt: skip
    migrations.apply()
    assert run(migrations, "SELECT parent FROM child") == [(1,)]


def test_a_migration_that_breaks_references_is_not_kept(migrations: Here) -> None:
    migrations.apply()
    run(migrations, "INSERT INTO note VALUES (1, 'a'), (2, 'b')")
    run(migrations, "INSERT INTO tag VALUES (1, 'x'), (2, 'y'), (9, 'refers to nothing already')")
    add(migrations, "003_harmless.sql", "CREATE TABLE more (a);")
    migrations.apply()
    add(migrations, "004_break.sql", "DELETE FROM note;")
    with pytest.raises(MobiusError) as caught:
        migrations.apply()
    assert str(caught.value) == (
        "migration 004_break.sql would break foreign keys; nothing of it was kept\n"
        "  2 row(s) of tag refer to rows of note that are not there"
    )
    assert run(migrations, "SELECT count(*) FROM note") == [(2,)]


def test_an_applied_file_that_was_changed_is_refused(migrations: Here) -> None:
    migrations.apply()
    add(migrations, "001_notes.sql", "CREATE TABLE note (id);\n")
    with pytest.raises(GateFailed, match=r"migration 001_notes\.sql was changed after it was applied"):
        migrations.pending()


def test_a_new_file_between_applied_ones_is_refused(migrations: Here) -> None:
    migrations.apply()
    add(migrations, "001.5_late.sql", "CREATE TABLE late (a);\n")
    with pytest.raises(GateFailed, match=r"001\.5_late\.sql is out of order: 002_tags is applied already"):
        migrations.apply()


def test_an_older_folder_has_nothing_to_do_on_a_newer_database(migrations: Here) -> None:
    migrations.apply()
    for name in ("002_tags.sql", "002_tags.down.sql"):
        (migrations.directory / name).unlink()
    assert (migrations.pending(), versions(migrations)) == ([], ["001", "002"])
    add(migrations, "003_more.sql", "CREATE TABLE more (a);")
    with pytest.raises(GateFailed, match="migration 002_tags is applied, but its file is not in the folder"):
        migrations.pending()


def test_a_bad_file_is_refused_before_any_other_is_applied(migrations: Here) -> None:
    add(migrations, "003_own.sql", "BEGIN;\nCREATE TABLE a (b);\nCOMMIT;\n")
    with pytest.raises(GateFailed, match=r"uses BEGIN \(line 1\)"):
        migrations.apply()
    assert not migrations.database.exists()


def test_down_takes_back_what_came_after_newest_first(migrations: Here) -> None:
    migrations.apply()
    for _ in range(2):
        migrations.down("002")
        assert (tables(migrations), versions(migrations)) == ({"note", "mobius_migrations"}, ["001"])
    migrations.apply()
    migrations.down("001", "002")
    assert (tables(migrations), versions(migrations)) == ({"mobius_migrations"}, [])
    assert len(migrations.apply()) == 2


def test_down_is_refused_before_any_change_when_one_has_no_way_down(migrations: Here) -> None:
    migrations.apply()
    (migrations.directory / "001_notes.down.sql").unlink()
    with pytest.raises(GateFailed, match="migration 001_notes has no way down"):
        migrations.down("001", "002")
    assert versions(migrations) == ["001", "002"]


def test_a_locked_database_is_said_to_be(migrations: Here) -> None:
    migrations.apply()
    add(migrations, "003_more.sql", "CREATE TABLE more (a);")
    with closing(sqlite3.connect(migrations.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(MobiusError, match=r"app\.db stayed locked: database is locked"):
            migrations.apply()
    migrations.apply()
    assert versions(migrations) == ["001", "002", "003"]


def test_a_reader_that_does_not_let_go_leaves_nothing_half_done(migrations: Here) -> None:
    migrations.apply()
    add(migrations, "003_more.sql", "CREATE TABLE more (a);")
    with closing(sqlite3.connect(migrations.database, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM note").fetchall()
        with pytest.raises(MobiusError, match=r"app\.db stayed locked"):
            migrations.apply()
    assert versions(migrations) == ["001", "002"]
    assert "more" not in tables(migrations)


def test_a_file_that_is_no_database_is_refused(migrations: Here) -> None:
    migrations.database.write_text("not a database")
    with pytest.raises(BackupInvalid, match=r"app\.db is not an SQLite database"):
        migrations.pending()


def test_a_missing_folder_of_the_database_is_named(migrations: Here, tmp_path: Path) -> None:
    with pytest.raises(MobiusError, match="its folder does not exist"):
        Here(migrations.directory, tmp_path / "nowhere" / "app.db").apply()


MIGRATOR = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from mobius.adapters.migrations.source import Target
    from mobius.adapters.migrations.sql_source import SqlSource
    print("ready", flush=True)
    target = Target("sqlite", path=Path(sys.argv[2]))
    SqlSource().apply(Path(sys.argv[1]), target, progress=lambda _: None)
    """
)


def test_kill_9_leaves_each_migration_applied_and_recorded_or_neither(tmp_path: Path) -> None:
    directory, database = tmp_path / "migrations", tmp_path / "app.db"
    directory.mkdir()
    for number in range(1, 9):
        numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)"
        rows = f"{numbers} INSERT INTO t{number} SELECT i, hex(randomblob(50)) FROM n;"
        sql = f"CREATE TABLE t{number} (a, b);\n{rows}\n"
        (directory / f"{number:03}_t.sql").write_text(sql)
    migrations = Here(directory, database)
    randomly = random.Random(20240601)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", MIGRATOR, str(directory), str(database)]
    seen = set()
    for attempt in range(12):
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as migrator:
            try:
                assert migrator.stdout is not None
                assert migrator.stdout.readline() == b"ready\n"
                time.sleep(randomly.uniform(0.001, 0.01 * (attempt + 2)))
            finally:
                migrator.send_signal(signal.SIGKILL)
        applied = {f"t{int(each.version)}" for each in migrations.applied()}
        found = tables(migrations) - {"mobius_migrations"} if database.exists() else set()
        assert found == applied
        for table in found:
            assert run(migrations, f"SELECT count(*) FROM {table}") == [(4000,)]
        seen.add(len(found))
    assert len(seen) > 1, "every kill came before the first or after the last migration"
    migrations.apply()
    assert versions(migrations)[-1] == "008"


def test_the_port_speaks_of_the_same_migrations(migrations: Here) -> None:
    port = LiveMigrations(SqlSource(), lambda: migrations.target)
    directory = migrations.directory
    assert port.applied() == ()
    assert [(each.version, each.name) for each in port.pending(directory)] == [
        ("001", "001_notes"),
        ("002", "002_tags"),
    ]
    told: list[str] = []
    assert port.apply(directory, progress=told.append) == port.applied(directory)
    assert told == ["migration 1 of 2: 001_notes", "migration 2 of 2: 002_tags"]
    assert port.pending(directory) == ()
    assert port.can_go_down(directory, ["002", "001_notes"])
    assert not port.can_go_down(directory, ["003"])
    assert not port.can_go_down(directory / "nowhere", ["001"])
    with pytest.raises(MobiusError, match="001_notes cannot be taken back: 002_tags was applied after it"):
        port.down(directory, ["001"])
    for _ in range(2):
        port.down(directory, ["002_tags"])
        assert [each.version for each in port.applied()] == ["001"]
    port.down(directory, ["001", "002"])
    assert port.applied() == ()


def test_what_must_be_done_by_then_is_interrupted_and_nothing_of_it_is_kept(tmp_path: Path) -> None:
    (tmp_path / "001_endless.sql").write_text(
        "CREATE TABLE n (i);\nWITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT max(i) FROM c;"
    )
    began = time.monotonic()
    target = Target("sqlite", tmp_path / "app.db", done_by=began + 0.3)
    with pytest.raises(MobiusError, match="failed at line 2: interrupted"):
        SqlSource().apply(tmp_path, target, progress=print)
    assert time.monotonic() - began < 10.0
    assert SqlSource().applied(target) == ()
