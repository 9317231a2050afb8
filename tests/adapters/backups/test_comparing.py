"""The present beside a backup: what would be lost, in tables and files, with whatever could not be told."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.backups.yard import Yard
from mobius.adapters.backups.comparing import Comparer
from mobius.adapters.backups.comparing_files import UNREAD
from mobius.adapters.databases.differing import NO_KEY, NO_TIME
from mobius.errors import BackupInvalid
from mobius.model.loss import Comparison, LostRow, PathChange
from mobius.rules.losing import Loss, judge_loss


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    made = Yard(tmp_path)
    with closing(sqlite3.connect(made.data / "app.db")) as db, db:
        db.execute("CREATE TABLE posts (id INTEGER PRIMARY KEY, body)")
        db.execute("INSERT INTO posts VALUES (1, 'one')")
    (made.data / "a").mkdir()
    (made.data / "a" / "kept.txt").write_text("kept")
    (made.data / "a.txt").write_text("first")
    (made.data / "gone.txt").write_text("gone")
    (made.data / "link").symlink_to("a.txt")
    return made


def compared(yard: Yard, path: str, within_s: float = 30.0) -> Comparison:
    comparer = Comparer(yard.root / "run")
    return comparer.compare(Path(path), lambda name: yard.root / name, within_s=within_s)


def test_nothing_is_lost_where_nothing_was_written(yard: Yard) -> None:
    made = yard.create(release=yard.stage())

    found = compared(yard, made.path)

    assert found.paths == (PathChange("shared/data", 0, 0, 0),)
    assert [(t.table, t.added, t.changed, t.removed) for t in found.tables] == [
        ("posts", 0, 0, 0),
        ("word", 0, 0, 0),
    ]
    assert found.notes == ()
    assert not list((yard.root / "run").glob("compared-*"))


def test_rows_and_files_written_since_are_told(yard: Yard) -> None:
    made = yard.create(release=yard.stage())
    with closing(sqlite3.connect(yard.data / "app.db")) as db, db:
        db.execute("INSERT INTO posts VALUES (2, 'two')")
        db.execute("UPDATE posts SET body = 'ONE' WHERE id = 1")
    (yard.data / "a" / "new.txt").write_text("new")
    (yard.data / "a.txt").write_text("other")
    (yard.data / "gone.txt").unlink()
    (yard.data / "link").unlink()
    (yard.data / "link").symlink_to("a")
    os.utime(yard.data / "a" / "kept.txt")

    found = compared(yard, made.path)
    lost = judge_loss(found)

    assert found.paths == (
        PathChange("shared/data", 1, 2, 1, ("+ a/new.txt", "~ a.txt", "- gone.txt", "~ link")),
    )
    assert (lost.loss, lost.rows_added, lost.rows_changed, lost.rows_removed, lost.files) == (
        Loss.SOMETHING,
        1,
        1,
        0,
        4,
    )
    assert lost.exact, "the table that has no key is as it was"


def listed(yard: Yard, path: str, within_s: float = 30.0) -> tuple[list[LostRow], dict[str, str]]:
    untold: dict[str, str] = {}
    comparer = Comparer(yard.root / "run")
    rows = comparer.lost(Path(path), lambda name: yard.root / name, untold, within_s=within_s)
    return list(rows), untold


def test_every_row_and_file_is_listed(yard: Yard) -> None:
    made = yard.create(release=yard.stage())
    with closing(sqlite3.connect(yard.data / "app.db")) as db, db:
        db.execute("INSERT INTO posts VALUES (2, 'two')")
    (yard.data / "a" / "new.txt").write_text("new")

    rows, untold = listed(yard, made.path)

    assert [(r.source, r.table, r.change, r.key, r.row) for r in rows] == [
        ("shared/data/app.db", "posts", "added", {"id": 2}, {"id": 2, "body": "two"}),
        ("shared/data", "", "added", {"path": "a/new.txt"}, {"size_bytes": 3}),
    ]
    assert untold == {}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("SELECT 1", {}),
        ("UPDATE word SET text = 'First'", {"word in shared/data/app.db": NO_KEY}),
        ("UPDATE twice SET text = 'b' WHERE rowid = 2", {"twice in shared/data/app.db": NO_KEY}),
    ],
)
def test_a_table_without_a_key_that_differs_is_named_though_its_rows_are_not(
    yard: Yard, written: str, told: dict[str, str]
) -> None:
    with closing(sqlite3.connect(yard.data / "app.db")) as db, db:
        db.execute("ALTER TABLE word ADD COLUMN more TEXT COLLATE NOCASE")
        db.execute("CREATE TABLE twice (text)")
        db.execute("INSERT INTO twice VALUES ('a'), ('a'), ('b')")
    made = yard.create(release=yard.stage())
    with closing(sqlite3.connect(yard.data / "app.db")) as db, db:
        db.execute(written)

    assert listed(yard, made.path) == ([], told)


def with_many_posts(yard: Yard) -> None:
    with closing(sqlite3.connect(yard.data / "app.db")) as db, db:
        numbers = "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)"
        db.execute(f"INSERT INTO posts {numbers} SELECT i, 'x' FROM n")


def test_a_listing_that_has_no_time_names_what_it_did_not_look_at(yard: Yard) -> None:
    with_many_posts(yard)
    made = yard.create(release=yard.stage())

    rows, untold = listed(yard, made.path, within_s=0)
    assert (rows, untold) == ([], {"posts in shared/data/app.db": NO_TIME})


def test_without_time_it_is_counted_only_and_never_called_nothing(yard: Yard) -> None:
    with_many_posts(yard)
    made = yard.create(release=yard.stage())
    os.utime(yard.data / "a" / "kept.txt")

    found = compared(yard, made.path, within_s=0)

    assert found.paths == (PathChange("shared/data", 0, 1, 0, ("~ a/kept.txt",), UNREAD),)
    assert judge_loss(replace(found, paths=())).loss is Loss.UNKNOWN


def test_a_database_that_is_not_there_any_more_comes_back(yard: Yard) -> None:
    made = yard.create(release=yard.stage())
    (yard.data / "app.db").unlink()

    assert compared(yard, made.path).notes == ("shared/data/app.db is not there now; it comes back",)


def test_a_damaged_archive_says_nothing_of_what_would_be_lost(yard: Yard) -> None:
    made = yard.create(release=yard.stage())
    yard.damage(made)

    with pytest.raises(BackupInvalid, match="does not match its SHA-256"):
        compared(yard, made.path)


def test_a_live_database_that_cannot_be_read_is_said(yard: Yard) -> None:
    made = yard.create(release=yard.stage())
    (yard.data / "app.db").write_bytes(b"SQLite format 3\0" + b"rubbish" * 1000)

    [note] = compared(yard, made.path).notes
    assert note.startswith("shared/data/app.db could not be compared: ")


def test_databases_too_large_to_lay_out_in_time_are_counted_only(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = yard.create(release=yard.stage())
    with closing(sqlite3.connect(yard.data / "app.db")) as db, db:
        db.execute("INSERT INTO posts VALUES (2, 'two')")
    monkeypatch.setattr("mobius.adapters.backups.comparing.LAID_OUT_BYTES_PER_S", 10)

    found = compared(yard, made.path)

    [posts] = [table for table in found.tables if table.table == "posts"]
    assert (posts.rows_then, posts.rows_now, posts.added) == (1, 2, None)
    assert posts.counted_only.endswith("KiB are too much to lay out before asking")
    assert judge_loss(found).rows_added == 1
