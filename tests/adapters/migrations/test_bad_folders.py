"""Folders and databases that cannot be right: each is refused with what to do, and nothing is changed."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from mobius.adapters.migrations.flyway import checksum_of
from mobius.adapters.migrations.layouts import detect
from mobius.adapters.migrations.source import Target
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.errors import BackupInvalid, MobiusError

SQL = "CREATE TABLE t (a int);\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    return folder


def refusal(root: Path, target: Target | None = None) -> str:
    with pytest.raises(MobiusError) as caught:
        SqlSource().pending(root, target or Target("sqlite", path=root.parent / "none.db"))
    assert caught.value.hint
    return caught.value.message.replace(str(root), "DIR")


def test_an_empty_folder_is_refused_while_the_database_has_nothing_either(root: Path) -> None:
    assert (
        refusal(root)
        == "the migrations folder migrations holds no migrations, and the database has none either"
    )
    root.rmdir()
    assert (
        refusal(root)
        == "the migrations folder migrations is not in the release, and the database has none either"
    )
    root.write_text("no folder")
    assert refusal(root) == "migrations folder DIR is no folder"


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ("001_a.sql", "V2__b.sql", "V2__b.sql is Flyway's"),
        ("001_a.sql", "2_b.up.sql", "2_b.up.sql is golang-migrate's"),
        ("V1__a.sql", "20240101000000_b/migration.sql", "20240101000000_b/migration.sql is Prisma's"),
    ],
)
def test_the_files_of_two_tools_in_one_folder_are_refused(
    root: Path, one: str, other: str, words: str
) -> None:
    for name in (one, other):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(SQL)
    said = refusal(root)
    assert said.startswith("DIR holds the migrations of more than one tool: ") and words in said


def test_a_dbmate_file_among_numbered_ones_is_a_mixture(root: Path) -> None:
    (root / "001_a.sql").write_text(SQL)
    (root / "002_b.sql").write_text(f"-- migrate:up\n{SQL}")
    assert "002_b.sql is dbmate's" in refusal(root)


def test_a_file_that_belongs_to_no_layout_is_refused(root: Path) -> None:
    (root / "001_a.sql").write_text(SQL)
    (root / "schema.sql").write_text(SQL)
    assert refusal(root) == "migration DIR/schema.sql has no number"


def test_a_link_a_folder_and_a_pipe_named_like_a_migration_are_refused(root: Path) -> None:
    path = root / "001_a.sql"
    (root.parent / "elsewhere.sql").write_text(SQL)
    path.symlink_to(root.parent / "elsewhere.sql")
    assert refusal(root) == "migration DIR/001_a.sql is a link"
    path.unlink()
    path.mkdir()
    assert refusal(root) == "migration DIR/001_a.sql is a folder"
    path.rmdir()
    os.mkfifo(path)
    assert refusal(root) == "migration DIR/001_a.sql is no file"


def test_a_file_of_50_mb_is_refused_without_being_read(root: Path) -> None:
    with (root / "001_a.sql").open("wb") as file:
        file.truncate(50 << 20)
    assert refusal(root) == "migration DIR/001_a.sql is larger than 16 MiB"


@pytest.mark.parametrize("name", ["V1__a.sql", "1_a.up.sql", "20240101000000_a/migration.sql"])
def test_a_file_that_is_not_utf_8_is_refused_in_every_layout(root: Path, name: str) -> None:
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_bytes(b"SELECT 1;\nSELECT '\xe9';")
    assert refusal(root) == f"migration DIR/{name} is not UTF-8 (line 2)"


def test_a_dbmate_file_is_refused_when_its_parts_are_wrong(root: Path) -> None:
    path = root / "20240101000000_a.sql"
    for text, words in (
        (f"-- migrate:up\n{SQL}-- migrate:up\n{SQL}", "has the parts up, up, expected one up, then one down"),
        (f"-- migrate:down\n{SQL}-- migrate:up\n{SQL}", "has the parts down, up, expected"),
        (f"-- so\n{SQL}-- migrate:up\n{SQL}", "has a statement before its up part (line 2)"),
    ):
        path.write_text(text)
        assert words in refusal(root)


def test_a_way_down_without_its_migration_is_refused(root: Path) -> None:
    for name in ("U1__a.sql", "1_a.down.sql", "001_a/down.sql"):
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(SQL)
        assert refusal(root).startswith(f"DIR/{name} takes back a migration that is not there")
        path.unlink()


def test_what_only_flyway_can_fill_in_or_run_is_refused(root: Path) -> None:
    (root / "V1__a.sql").write_text("SELECT 1;\nCREATE TABLE ${owner}_t (a int);\n")
    assert refusal(root) == (
        "migration DIR/V1__a.sql has the placeholder ${owner} (line 2), which only flyway can fill in"
    )
    (root / "B1__a.sql").write_text(SQL)
    assert refusal(root) == "migration DIR/B1__a.sql is a baseline, which Flyway itself must run"


def test_a_database_that_is_none_or_a_folder_is_refused(root: Path) -> None:
    (root / "001_a.sql").write_text(SQL)
    path = root.parent / "app.db"
    path.write_text("no database")
    for _ in range(2):
        with pytest.raises(BackupInvalid, match=r"app\.db is not an SQLite database"):
            SqlSource().apply(root, Target("sqlite", path=path), progress=print)
        if path.is_file():
            path.unlink()
            path.mkdir()


def test_schema_migrations_of_another_tool_is_not_taken_for_dbmates(root: Path) -> None:
    path = root.parent / "app.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE schema_migrations (version text)")
        db.execute("INSERT INTO schema_migrations VALUES ('20240101-first')")
    db.close()
    (root / "20240101000000_a.sql").write_text(f"-- migrate:up\n{SQL}")
    assert "which is no number: it is not dbmate's" in refusal(root, Target("sqlite", path=path))


def test_the_checksum_of_flyway_does_not_depend_on_line_ends_or_a_byte_order_mark(tmp_path: Path) -> None:
    unix, windows = tmp_path / "V1__unix.sql", tmp_path / "V1__windows.sql"
    unix.write_bytes(b"CREATE TABLE t (\n  a int\n);\n")
    windows.write_bytes(b"\xef\xbb\xbfCREATE TABLE t (\r\n  a int\r\n);\r\n")
    assert checksum_of(unix) == checksum_of(windows)
    unix.write_bytes(b"")
    assert checksum_of(unix) == 0
    assert -(1 << 31) <= checksum_of(windows) < 1 << 31


def test_a_repeatable_migration_runs_again_when_it_changed_and_after_the_others(tmp_path: Path) -> None:
    root = tmp_path / "migrations"
    root.mkdir()
    target, told = Target("sqlite", path=tmp_path / "app.db"), list[str]()
    (root / "R__view.sql").write_text("DROP VIEW IF EXISTS v;\nCREATE VIEW v AS SELECT a FROM t;\n")
    (root / "V1__t.sql").write_text(SQL)
    source = SqlSource()
    assert [one.name for one in source.apply(root, target, progress=told.append)] == ["V1__t", "R__view"]
    assert source.pending(root, target) == ()
    (root / "R__view.sql").write_text("DROP VIEW IF EXISTS v;\nCREATE VIEW v AS SELECT a, 1 AS b FROM t;\n")
    assert [one.name for one in source.pending(root, target)] == ["R__view"]
    assert not source.can_go_down(root, ["R__view"])
    source.apply(root, target, progress=told.append)
    assert source.pending(root, target) == ()


def test_a_folder_that_flyway_began_at_a_baseline_has_nothing_below_it_pending(tmp_path: Path) -> None:
    root = tmp_path / "migrations"
    root.mkdir()
    target = Target("sqlite", path=tmp_path / "app.db")
    for number in (1, 2, 3):
        (root / f"V{number}__t.sql").write_text(f"CREATE TABLE t{number} (a int);\n")
    assert len(SqlSource().apply(root, target, progress=print)) == 3
    with sqlite3.connect(tmp_path / "app.db") as db:
        db.execute("DELETE FROM flyway_schema_history")
        db.execute(
            "INSERT INTO flyway_schema_history (installed_rank, version, description, type, script, installed_by,"
            " execution_time, success) VALUES (1, '2', 'base', 'BASELINE', 'base', '', 0, 1)"
        )
    db.close()
    assert [one.name for one in SqlSource().pending(root, target)] == ["V3__t"]
    assert detect(root) is not None
