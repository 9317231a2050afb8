"""SQLite as a service's database: captured and checked, with errors that say what to do."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mobius.adapters.databases.sqlite import SqliteDatabase
from mobius.errors import BackupInvalid, MobiusError


@pytest.fixture
def live(tmp_path: Path) -> Path:
    path = tmp_path / "live.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE note (text)")
        db.execute("INSERT INTO note VALUES ('a')")
        db.commit()
    return path


def test_a_capture_has_the_facts_of_its_copy(live: Path, tmp_path: Path) -> None:
    database = SqliteDatabase()
    capture = database.capture(live, tmp_path / "copy.db")
    assert capture.facts == database.check(tmp_path / "copy.db")
    assert capture.facts.tables == {"note": 1}
    assert capture.duration_s > 0


def test_a_missing_database_is_named(tmp_path: Path) -> None:
    for look in (
        lambda: SqliteDatabase().check(tmp_path / "gone.db"),
        lambda: SqliteDatabase().capture(tmp_path / "gone.db", tmp_path / "copy.db"),
    ):
        with pytest.raises(MobiusError, match=r"gone\.db could not be (checked|captured): .*No such file"):
            look()
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_exists_is_never_overwritten(live: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("precious")
    with pytest.raises(MobiusError, match="File exists"):
        SqliteDatabase().capture(live, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "precious"


def test_what_is_no_database_exits_as_an_invalid_backup(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("words")
    with pytest.raises(BackupInvalid) as caught:
        SqliteDatabase().check(tmp_path / "a.db")
    assert caught.value.exit_code == 11


def test_checking_leaves_no_file_beside_a_database(live: Path) -> None:
    SqliteDatabase().check(live)
    assert [path.name for path in live.parent.iterdir()] == ["live.db"]
