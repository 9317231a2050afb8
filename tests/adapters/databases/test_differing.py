"""Two SQLite databases side by side: rows added, changed, removed by key; counts where there is none."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from mobius.adapters.databases.differing import NO_KEY, NO_TIME, OTHER_KEY, pair
from mobius.errors import MobiusError
from mobius.model.loss import LostRow, TableChange


def database(path: Path, *script: str) -> Path:
    with closing(sqlite3.connect(path)) as db, db:
        for line in script:
            db.executescript(line)
    return path


def changes(now: Path, then: Path, *, within_s: float = 60.0) -> dict[str, TableChange]:
    with pair(now, then, "app.db") as both:
        return {change.table: change for change in both.changes(time.monotonic() + within_s)}


def rows(now: Path, then: Path) -> list[LostRow]:
    with pair(now, then, "app.db") as both:
        return list(both.rows(time.monotonic() + 60))


POSTS = "CREATE TABLE posts (id INTEGER PRIMARY KEY, body, password TEXT);"
THREE = "INSERT INTO posts VALUES (1, 'one', 'x'), (2, 'two', 'x'), (3, 'three', 'x');"


def test_rows_are_told_apart_by_their_primary_key(tmp_path: Path) -> None:
    then = database(tmp_path / "then.db", POSTS, THREE)
    now = database(
        tmp_path / "now.db",
        POSTS,
        THREE,
        "INSERT INTO posts VALUES (4, 'four', 'x'), (5, 'five', 'x');"
        "UPDATE posts SET body = 'TWO' WHERE id = 2; DELETE FROM posts WHERE id = 1;",
    )

    assert changes(now, then) == {
        "posts": TableChange("app.db", "posts", 3, 4, added=2, changed=1, removed=1)
    }
    assert [(row.change, row.key, row.row["body"]) for row in rows(now, then)] == [
        ("added", {"id": 4}, "four"),
        ("added", {"id": 5}, "five"),
        ("changed", {"id": 2}, "TWO"),
        ("removed", {"id": 1}, "one"),
    ]


def test_a_value_that_differs_only_by_case_or_by_being_null_has_changed(tmp_path: Path) -> None:
    table = "CREATE TABLE t (id TEXT PRIMARY KEY, v TEXT COLLATE NOCASE);"
    then = database(tmp_path / "then.db", table, "INSERT INTO t VALUES ('a', 'x'), ('b', NULL), ('c', NULL);")
    now = database(tmp_path / "now.db", table, "INSERT INTO t VALUES ('a', 'X'), ('b', ''), ('c', NULL);")

    assert changes(now, then)["t"].changed == 2


def test_a_key_of_several_columns_and_a_table_without_rowid(tmp_path: Path) -> None:
    table = "CREATE TABLE t (a, b, v, PRIMARY KEY (b, a)) WITHOUT ROWID;"
    then = database(tmp_path / "then.db", table, "INSERT INTO t VALUES (1, 2, 'x'), (2, 1, 'y');")
    now = database(tmp_path / "now.db", table, "INSERT INTO t VALUES (1, 2, 'z'), (3, 3, 'y');")

    assert [(row.change, row.key) for row in rows(now, then)] == [
        ("added", {"b": 3, "a": 3}),
        ("changed", {"b": 2, "a": 1}),
        ("removed", {"b": 1, "a": 2}),
    ]


def test_without_a_key_rows_are_counted_and_that_is_said(tmp_path: Path) -> None:
    then = database(tmp_path / "then.db", "CREATE TABLE t (v); INSERT INTO t VALUES (1);")
    now = database(tmp_path / "now.db", "CREATE TABLE t (v); INSERT INTO t VALUES (1), (2), (3);")

    assert changes(now, then) == {"t": TableChange("app.db", "t", 1, 3, counted_only=NO_KEY)}
    assert rows(now, then) == []


def test_a_table_that_is_new_one_that_is_gone_and_one_with_another_key(tmp_path: Path) -> None:
    then = database(
        tmp_path / "then.db",
        "CREATE TABLE old (id INTEGER PRIMARY KEY); INSERT INTO old VALUES (1);"
        "CREATE TABLE k (a INTEGER PRIMARY KEY, b); INSERT INTO k VALUES (1, 2);",
    )
    now = database(
        tmp_path / "now.db",
        "CREATE TABLE new (id INTEGER PRIMARY KEY); INSERT INTO new VALUES (1), (2);"
        "CREATE TABLE k (a, b PRIMARY KEY); INSERT INTO k VALUES (1, 3);",
    )

    assert changes(now, then) == {
        "k": TableChange("app.db", "k", 1, 1, counted_only=OTHER_KEY),
        "new": TableChange("app.db", "new", None, 2, added=2, changed=0, removed=0, is_new=True),
        "old": TableChange("app.db", "old", 1, None, added=0, changed=0, removed=1, is_gone=True),
    }


def test_columns_that_a_migration_added_do_not_make_every_row_a_changed_one(tmp_path: Path) -> None:
    then = database(tmp_path / "then.db", POSTS, THREE)
    now = database(tmp_path / "now.db", POSTS, THREE, "ALTER TABLE posts ADD COLUMN title;")

    assert changes(now, then)["posts"].changed == 0


def test_when_time_is_up_rows_are_counted_only_and_that_is_said(tmp_path: Path) -> None:
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
    then = database(tmp_path / "then.db", POSTS, f"INSERT INTO posts {many} SELECT i, i, i FROM n;")
    now = database(tmp_path / "now.db", POSTS, f"INSERT INTO posts {many} SELECT i, i, i FROM n;")

    assert changes(now, then, within_s=0) == {
        "posts": TableChange("app.db", "posts", 20000, 20000, counted_only=NO_TIME)
    }


def test_a_listing_shows_no_secret_no_bytes_as_text_and_nothing_endless(tmp_path: Path) -> None:
    then = database(tmp_path / "then.db", POSTS)
    now = database(
        tmp_path / "now.db",
        POSTS,
        f"INSERT INTO posts VALUES (1, x'00ff', 'hunter2'), (2, '{'a' * 5000}', 'x');",
    )

    first, second = rows(now, then)
    assert first.row == {"id": 1, "body": {"base64": "AP8=", "size_bytes": 2}, "password": "«redacted»"}
    assert second.row["body"] == "a" * 2000 + "… (5,000 characters)"


def test_content_of_full_text_tables_is_left_to_the_table_it_is_made_from(tmp_path: Path) -> None:
    table = "CREATE VIRTUAL TABLE words USING fts5(body);"
    then = database(tmp_path / "then.db", table)
    now = database(tmp_path / "now.db", table, "INSERT INTO words VALUES ('hello');")

    assert changes(now, then) == {}


def test_commits_still_in_the_wal_of_a_running_writer_are_seen(tmp_path: Path) -> None:
    then = database(tmp_path / "then.db", POSTS, THREE)
    now = database(tmp_path / "now.db", POSTS, THREE)
    with closing(sqlite3.connect(now)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("INSERT INTO posts VALUES (4, 'four', 'x')")
        writer.commit()
        writer.execute("INSERT INTO posts VALUES (5, 'five, not committed', 'x')")

        assert changes(now, then)["posts"].added == 1


def test_what_is_no_database_is_an_error_in_plain_words(tmp_path: Path) -> None:
    then = database(tmp_path / "then.db", POSTS)
    now = tmp_path / "now.db"
    now.write_bytes(b"no database at all, and long enough to be looked at" * 100)

    with pytest.raises(MobiusError, match=r"now\.db is not an SQLite database"):
        changes(now, then)
