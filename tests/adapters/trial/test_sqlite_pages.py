"""Pages that are as they were spare reading the rows, and hide nothing of what a migration of SQLite changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adapters.trial.programs import program
from adapters.trial.test_sqlite import copy, rows_of, tried, tried_by
from mobius.adapters.trial.sqlite_pages import Owners, pages_between
from mobius.adapters.trial.tried import SAME
from mobius.model.trial import Rows, Trial

__all__ = ["copy"]
BY_HAND = "PRAGMA writable_schema = ON; {} PRAGMA writable_schema = RESET;"


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """A database of two tables, and the same once more."""
    before, after = tmp_path / "before.db", tmp_path / "after.db"
    for path in (before, after):
        changed(
            path,
            """CREATE TABLE a (id INTEGER PRIMARY KEY, text TEXT); CREATE TABLE b (id INTEGER PRIMARY KEY, text TEXT);
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
              INSERT INTO a SELECT i, 'a' || i FROM n;
            INSERT INTO b SELECT id, 'b' || id FROM a; INSERT INTO b VALUES (9999, hex(zeroblob(50000)));""",
        )
    return before, after


def changed(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(sql)


def as_they_were(two: tuple[Path, Path]) -> list[str]:
    owners, pages = Owners(two[0]), pages_between(*two)
    return [name for name in ("a", "b") if owners.are_as_they_were([name], pages)]


def test_tables_are_as_they_were_in_a_file_that_is_the_same(two: tuple[Path, Path]) -> None:
    assert pages_between(*two).written_bytes == 0
    assert as_they_were(two) == ["a", "b"]


@pytest.mark.parametrize(
    ("sql", "left"),
    [
        ("UPDATE a SET text = 'x' WHERE id = 2500", ["b"]),
        ("UPDATE b SET text = 'x' WHERE id = 1", ["a"]),
        (
            "UPDATE b SET text = substr(text, 1, 99999) || 'x' WHERE id = 9999",
            ["a"],
        ),  # on a page of its overflow
        ("DELETE FROM a WHERE id = 5000", ["b"]),
        ("CREATE TABLE more AS SELECT * FROM a", ["a", "b"]),
        ("CREATE INDEX by_text ON a (text)", ["a", "b"]),
    ],
)
def test_one_value_that_changed_is_seen_in_the_pages_of_its_table_alone(
    two: tuple[Path, Path], sql: str, left: list[str]
) -> None:
    changed(two[1], sql)
    assert as_they_were(two) == left
    assert pages_between(*two).written_bytes > 0


@pytest.mark.parametrize("order", [(), ("a", "b"), ("b", "a")])
@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX by_text ON a (text); INSERT INTO b SELECT 10000 + id, text FROM a",  # where pages were free
        "DELETE FROM b WHERE id % 3 = 0; UPDATE small SET text = 'y'",
        "DROP TABLE small; CREATE TABLE c AS SELECT * FROM a",
        "UPDATE a SET text = text || 'longer' WHERE id % 2 = 0",
        "INSERT INTO small VALUES (2, hex(zeroblob(20000)))",
        "",
    ],
)
def test_in_whatever_order_it_is_asked_the_answer_is_that_of_every_page(
    two: tuple[Path, Path], sql: str, order: tuple[str, ...]
) -> None:
    for path in two:
        changed(
            path,
            "CREATE TABLE small (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO small VALUES (1, 'x');"
            " CREATE INDEX b_text ON b (text); CREATE TABLE gone AS SELECT * FROM a; DROP TABLE gone;",
        )
    changed(two[1], sql)
    pages, names = pages_between(*two), ("a", "small", "b", "b_text")
    assert pages.differing is not None
    owners, told = Owners(two[0], order), {}
    with closing(sqlite3.connect(two[0])) as db:
        for name in names:
            rows = db.execute("SELECT pageno FROM dbstat WHERE name = ?", (name,)).fetchall()
            told[name] = pages.differing.isdisjoint(page for (page,) in rows)
    assert {name: owners.are_as_they_were([name], pages) for name in names} == told


def test_a_table_of_no_pages_of_its_own_is_never_told_to_be_as_it_was(two: tuple[Path, Path]) -> None:
    for path in two:
        changed(path, "CREATE VIRTUAL TABLE words USING fts5(word)")
    assert not Owners(two[0]).are_as_they_were(["words"], pages_between(*two))
    assert not Owners(two[0]).are_as_they_were(["not there"], pages_between(*two))


@pytest.mark.parametrize("sql", ["PRAGMA page_size = 8192; VACUUM", "DELETE FROM a; VACUUM"])
def test_nothing_is_told_by_pages_that_lie_elsewhere(two: tuple[Path, Path], sql: str) -> None:
    changed(two[1], sql)
    assert "b" not in as_they_were(two)
    assert 0 < pages_between(*two).written_bytes <= two[1].stat().st_size


def test_nothing_is_told_of_a_database_that_was_not_there(two: tuple[Path, Path], tmp_path: Path) -> None:
    pages = pages_between(tmp_path / "none.db", two[1])
    assert (pages.differing, pages.written_bytes) == (None, two[1].stat().st_size)


def by_hand(old: str, new: str) -> str:
    return BY_HAND.format(f"UPDATE sqlite_schema SET sql = replace(sql, '{old}', '{new}');")


def tried_by_hand(copy: Path, sql: str) -> Trial:
    """As a program does it that writes the schema itself: no page of a row is another one."""
    folder = copy.with_name("knex")
    return tried_by(program(folder, f"db.executescript({sql!r})"), folder, copy)


def test_a_table_that_nobody_wrote_to_is_the_same_without_being_read(copy: Path) -> None:
    trial = tried(copy, "CREATE INDEX by_mail ON users (mail); UPDATE orders SET user = 1;")
    assert rows_of(trial, "users") == Rows("users", 20000, 20000, SAME, SAME, touched=True)
    assert rows_of(trial, "orders").is_changed


def test_columns_that_change_their_names_for_each_others_are_seen(copy: Path) -> None:
    up = """ALTER TABLE users RENAME COLUMN mail TO was; ALTER TABLE users RENAME COLUMN nick TO mail;
    ALTER TABLE users RENAME COLUMN was TO nick;"""
    assert rows_of(tried(copy, up), "users").is_changed


@pytest.mark.parametrize(
    ("first", "old", "new"),
    [
        ("ALTER TABLE users ADD COLUMN tier TEXT DEFAULT 'low'", "low", "top"),
        ("ALTER TABLE users ADD COLUMN part REAL; UPDATE users SET part = id", "part REAL", "part INTEGER"),
    ],
)
def test_values_that_a_declaration_gives_are_seen_to_change_with_it(
    copy: Path, first: str, old: str, new: str
) -> None:
    with closing(sqlite3.connect(copy)) as db, db:
        db.executescript(first)
    assert rows_of(tried_by_hand(copy, by_hand(old, new)), "users").is_changed


def test_a_rule_that_rows_break_is_found_also_where_no_row_was_written(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as db, db:
        db.execute("INSERT INTO orders VALUES (999, NULL)")
    trial = tried_by_hand(copy, by_hand("user INTEGER", "user INTEGER NOT NULL"))
    assert not rows_of(trial, "orders").is_changed
    assert trial.broken_checks == ("quick_check: NULL value in orders.user",)


def test_rows_whose_parents_are_gone_are_found_though_nobody_wrote_to_them(copy: Path) -> None:
    folder = copy.with_name("knex")
    up = "db.execute('PRAGMA foreign_keys = OFF'); db.execute('DELETE FROM users WHERE id <= 3')"
    trial = tried_by(program(folder, up), folder, copy)
    assert not rows_of(trial, "orders").is_changed
    assert trial.broken_checks == ("3 row(s) of orders refer to rows of users that are not there",)


def test_a_page_that_was_damaged_is_found(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as db, db:
        db.execute("CREATE INDEX by_user ON orders (user)")
        (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'by_user'").fetchone()
    folder = copy.with_name("knex")
    up = f"""db.close(); import os
file = os.open(os.environ["DATABASE"], os.O_RDWR)
os.pwrite(file, b"x" * 100, {page - 1} * 4096)"""
    trial = tried_by(program(folder, up), folder, copy)
    assert any(check.startswith("quick_check: ") for check in trial.broken_checks)


def test_without_the_list_of_pages_every_row_is_read(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "mobius.adapters.trial.sqlite_pages._WHOSE", "SELECT pageno FROM no_dbstat WHERE name = ?"
    )
    trial = tried(copy, "CREATE INDEX by_mail ON users (mail); UPDATE orders SET user = 1 WHERE id = 7;")
    assert (rows_of(trial, "users").is_changed, rows_of(trial, "orders").is_changed) == (False, True)
    assert trial.broken_checks == ()


@pytest.mark.parametrize(("new", "is_changed"), [("1", False), ("'1'", True), ("1.0", True)])
def test_equal_values_of_another_type_are_other_values(copy: Path, new: str, is_changed: bool) -> None:
    with closing(sqlite3.connect(copy)) as db, db:
        db.executescript(
            "CREATE TABLE any (id INTEGER PRIMARY KEY, value); INSERT INTO any VALUES (1, 1), (2, 2);"
        )
    trial = tried(copy, f"UPDATE any SET value = {new} WHERE id = 1; INSERT INTO orders VALUES (9000, 1);")
    assert rows_of(trial, "any").is_changed is is_changed
