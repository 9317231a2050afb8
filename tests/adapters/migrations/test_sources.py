"""What every layout of plain SQL promises, on both databases: one suite, and the files of each tool."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from mobius.adapters.databases.postgres_address import parsed
from mobius.adapters.migrations.layouts import LAYOUTS, detect
from mobius.adapters.migrations.source import Change, Statement, Target
from mobius.adapters.migrations.sql_source import SqlSource
from mobius.errors import GateFailed, MobiusError
from postgres_server import Database, new_database, postgres_server

__all__ = ["new_database", "postgres_server"]

NOTE, TAG, LATER = (
    "CREATE TABLE note (id int);",
    "CREATE TABLE tag (id int);",
    "CREATE TABLE later (id int);",
)
NO_TAG, NO_LATER = "DROP TABLE tag;", "DROP TABLE later;"


@dataclass(frozen=True)
class Files:
    """The same three migrations in one layout, and what they are called in it. The first has no way down."""

    names: tuple[str, str, str]
    first: Mapping[str, str]
    second: Mapping[str, str]
    third: Mapping[str, str]
    up_file: str  # of the second


FILES = {
    "numbered": Files(
        ("001_note", "002_tag", "010_later"),
        {"001_note.sql": NOTE},
        {"002_tag.sql": TAG, "002_tag.down.sql": NO_TAG},
        {"010_later.sql": LATER, "010_later.down.sql": NO_LATER},
        "002_tag.sql",
    ),
    "flyway": Files(
        ("V1__note", "V1.2__tag", "V1_10__later"),
        {"V1__note.sql": NOTE},
        {"V1.2__tag.sql": TAG, "U1.2__tag.sql": NO_TAG},
        {"deeper/V1_10__later.sql": LATER, "deeper/U1.10__later.sql": NO_LATER},
        "V1.2__tag.sql",
    ),
    "golang-migrate": Files(
        ("1_note", "2_tag", "10_later"),
        {"1_note.up.sql": NOTE},
        {"2_tag.up.sql": f"BEGIN;\n{TAG}\nCOMMIT;", "2_tag.down.sql": NO_TAG},
        {"10_later.up.sql": LATER, "10_later.down.sql": NO_LATER},
        "2_tag.up.sql",
    ),
    "dbmate": Files(
        ("20240101000000_note", "20240102000000_tag", "20240103000000_later"),
        {"20240101000000_note.sql": f"-- migrate:up\n{NOTE}\n"},
        {"20240102000000_tag.sql": f"-- migrate:up\n{TAG}\n\n-- migrate:down\n{NO_TAG}\n"},
        {"20240103000000_later.sql": f"-- migrate:up\n{LATER}\n\n-- migrate:down\n{NO_LATER}\n"},
        "20240102000000_tag.sql",
    ),
    "prisma": Files(
        ("20240101000000_note", "20240102000000_tag", "20240103000000_later"),
        {"20240101000000_note/migration.sql": NOTE, "migration_lock.toml": 'provider = "sqlite"\n'},
        {"20240102000000_tag/migration.sql": TAG, "20240102000000_tag/down.sql": NO_TAG},
        {"20240103000000_later/migration.sql": LATER, "20240103000000_later/down.sql": NO_LATER},
        "20240102000000_tag/migration.sql",
    ),
}


@dataclass
class Bench:
    """One layout on one database."""

    files: Files
    layout: str
    root: Path
    target: Target
    rows: Callable[[str], list[Any]]
    source: SqlSource = field(default_factory=SqlSource)
    told: list[str] = field(default_factory=list)

    def write(self, *which: Mapping[str, str]) -> Path:
        for files in which:
            for name, text in files.items():
                path = self.root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        return self.root

    def apply(self, **more: Any) -> list[str]:
        return [
            one.name for one in self.source.apply(self.root, self.target, progress=self.told.append, **more)
        ]

    def pending(self) -> list[str]:
        return [change.name for change in self.source.pending(self.root, self.target)]

    def applied(self) -> list[str]:
        return [one.name for one in self.source.applied(self.target, self.root)]

    def down(self, *names: str) -> None:
        self.source.down(self.root, self.target, names)

    def tables(self) -> set[str]:
        sql = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        if self.target.kind == "sqlite":
            sql = "SELECT name FROM sqlite_master WHERE type = 'table'"
        return {str(name) for (name,) in self.rows(sql)} & {"note", "tag", "later", "half"}


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Target, Callable[[str], list[Any]]]:
    if request.param == "sqlite":
        path = tmp_path / "app.db"

        def rows(sql: str) -> list[Any]:
            with contextlib.closing(sqlite3.connect(path)) as db, db:
                return db.execute(sql).fetchall()

        return Target("sqlite", path=path, busy_timeout_s=0.2), rows
    database: Database = request.getfixturevalue("new_database")("layouts")
    address = parsed("main", database.url)
    return Target("postgresql", address=address, lock_timeout_s=0.3), database.execute


@pytest.fixture(params=sorted(FILES))
def bench(
    request: pytest.FixtureRequest, tmp_path: Path, where: tuple[Target, Callable[[str], list[Any]]]
) -> Iterator[Bench]:
    files = FILES[request.param]
    one = Bench(files, request.param, tmp_path / "migrations", *where)
    one.write(files.first, files.second)
    yield one


def test_the_layout_is_seen_from_the_files(bench: Bench) -> None:
    found = detect(bench.root)
    assert found is not None and found.name == bench.layout


def test_what_is_pending_is_applied_in_order_and_written_down(bench: Bench) -> None:
    assert bench.pending() == list(bench.files.names[:2])
    assert bench.apply() == list(bench.files.names[:2])
    assert bench.told == [f"migration {n} of 2: {name}" for n, name in enumerate(bench.files.names[:2], 1)]
    assert bench.applied() == list(bench.files.names[:2])
    assert bench.tables() == {"note", "tag"}
    assert (bench.pending(), bench.apply()) == ([], [])


def test_versions_are_ordered_as_numbers(bench: Bench) -> None:
    bench.apply()
    bench.write(bench.files.third)
    assert bench.apply() == [bench.files.names[2]]
    assert bench.applied() == list(bench.files.names)


def test_one_that_fails_leaves_nothing_of_itself_and_those_before_it(bench: Bench) -> None:
    bench.write(
        {bench.files.up_file: _up(bench, "CREATE TABLE half (id int);\nINSERT INTO nowhere VALUES (1);")}
    )
    with pytest.raises(MobiusError, match=r"nowhere|failed at line") as caught:
        bench.apply()
    assert "nothing of it was kept" in f"{caught.value} {caught.value.hint}"
    assert (bench.applied(), bench.tables()) == ([bench.files.names[0]], {"note"})
    bench.write(bench.files.second)
    assert bench.apply() == [bench.files.names[1]]


def test_the_line_that_failed_is_that_of_the_file(bench: Bench) -> None:
    text = _up(bench, "CREATE TABLE half (id int);\n\nINSERT INTO nowhere VALUES (1);")
    bench.write({bench.files.up_file: text})
    line = text[: text.index("INSERT")].count("\n") + 1
    with pytest.raises(MobiusError, match=f"failed at line {line}: "):
        bench.apply()


def test_taking_back_undoes_the_newest_and_may_be_repeated(bench: Bench) -> None:
    bench.write(bench.files.third)
    bench.apply()
    assert bench.source.can_go_down(bench.root, bench.files.names[1:])
    assert not bench.source.can_go_down(bench.root, bench.files.names)
    for _ in range(2):
        bench.down(*bench.files.names[1:])
        assert (bench.applied(), bench.tables()) == ([bench.files.names[0]], {"note"})
    assert bench.pending() == list(bench.files.names[1:])
    assert bench.apply() == list(bench.files.names[1:])
    assert bench.applied() == list(bench.files.names)


def test_one_in_the_middle_cannot_be_taken_back_alone(bench: Bench) -> None:
    bench.write(bench.files.third)
    bench.apply()
    with pytest.raises(MobiusError, match=r"cannot be taken back: .* was applied after it"):
        bench.down(bench.files.names[1])
    assert bench.tables() == {"note", "tag", "later"}


def test_one_without_a_way_down_is_not_taken_back(bench: Bench) -> None:
    bench.apply()
    with pytest.raises(GateFailed, match="has no way down"):
        bench.down(*bench.files.names[:2])
    assert bench.tables() == {"note", "tag"}


def test_an_older_release_has_nothing_pending(bench: Bench, tmp_path: Path) -> None:
    bench.apply()
    older = replace(bench, root=tmp_path / "older")
    older.write(bench.files.first)
    assert older.pending() == []
    (tmp_path / "oldest").mkdir()
    for root in (tmp_path / "oldest", tmp_path / "none"):
        assert replace(bench, root=root).pending() == []


def test_without_a_folder_what_is_applied_is_known_all_the_same(bench: Bench) -> None:
    bench.apply()
    versions = [one.version for one in bench.source.applied(bench.target)]
    expected = [change.version for change in detect(bench.root).read(bench.root)]  # type: ignore[union-attr]
    assert versions == (expected[-1:] if bench.layout == "golang-migrate" else expected)


def test_a_file_changed_after_it_was_applied_is_refused_where_the_table_can_tell(bench: Bench) -> None:
    bench.apply()
    path = bench.root / next(iter(name for name in bench.files.first if name.endswith(".sql")))
    path.write_text(path.read_text().replace("note", "notes"))
    if bench.layout in ("dbmate", "golang-migrate"):  # their tables have versions only
        assert bench.pending() == []
        return
    with pytest.raises(GateFailed, match="was changed after it was applied"):
        bench.pending()


def test_one_put_in_before_an_applied_one_is_refused(bench: Bench) -> None:
    first, second = bench.files.first, bench.files.second
    for name in second:
        (bench.root / name).unlink()
    bench.write(bench.files.third)
    bench.apply()
    bench.write(first, second)
    if bench.layout == "golang-migrate":  # its table has only the version reached
        assert bench.pending() == []
        return
    with pytest.raises(GateFailed, match=r"is out of order: .* is applied already"):
        bench.pending()


def test_an_applied_file_that_is_gone_is_refused_while_there_are_newer_ones(bench: Bench) -> None:
    bench.apply()
    for name in bench.files.second:
        (bench.root / name).unlink()
    assert bench.pending() == []
    bench.write(bench.files.third)
    with pytest.raises(GateFailed, match="is applied, but its file is not in the folder, which has newer"):
        bench.pending()


def test_the_folder_of_another_tool_is_refused_on_a_database_that_one_migrated(
    bench: Bench, tmp_path: Path
) -> None:
    bench.apply()
    other = "prisma" if bench.layout == "numbered" else "numbered"
    wrong = replace(bench, root=tmp_path / "other")
    wrong.write(FILES[other].first)
    with pytest.raises(GateFailed, match=f"was migrated by {bench.layout} .* but the folder is"):
        wrong.pending()


def test_who_looks_on_sees_each_statement_and_the_commit(bench: Bench) -> None:
    seen: list[tuple[str, str]] = []

    @contextlib.contextmanager
    def around(change: Change, statement: Statement | None, connection: Any) -> Iterator[None]:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        seen.append((change.name, statement.sql if statement else "COMMIT"))
        yield

    bench.apply(around=around)
    one, other, _ = bench.files.names
    create = [NOTE.rstrip(";"), TAG.rstrip(";")]
    shown = [(name, sql.rstrip(";")) for name, sql in seen]
    assert shown == [(one, create[0]), (one, "COMMIT"), (other, create[1]), (other, "COMMIT")]


def test_a_dirty_or_unfinished_database_is_refused_with_the_next_step(bench: Bench) -> None:
    bench.apply()
    bench.write(bench.files.third)
    broken = {
        "flyway": "UPDATE flyway_schema_history SET success = false WHERE version = '1.2'",
        "golang-migrate": "UPDATE schema_migrations SET dirty = true",
        "prisma": "UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name LIKE '%tag'",
    }
    if bench.layout not in broken:
        pytest.skip("its table cannot say so")
    bench.rows(broken[bench.layout])
    with pytest.raises(GateFailed, match="was left half migrated") as caught:
        bench.apply()
    assert caught.value.hint
    assert "later" not in bench.tables()
    assert "was left half migrated" in SqlSource().left_half(bench.root, bench.target)


def test_two_with_one_number_are_refused(bench: Bench) -> None:
    again = {
        "numbered": "2_other.sql",
        "flyway": "V1.2.0__other.sql",
        "golang-migrate": "02_other.up.sql",
        "dbmate": "20240102000000_other.sql",
    }
    if bench.layout not in again:
        pytest.skip("folders have names of their own")
    bench.write({again[bench.layout]: _up(bench, LATER)})
    with pytest.raises(GateFailed, match="have the same number"):
        bench.pending()


def test_every_layout_is_in_this_suite() -> None:
    assert {each.name for each in LAYOUTS} == set(FILES)


def _up(bench: Bench, sql: str) -> str:
    return f"-- migrate:up\n{sql}\n" if bench.layout == "dbmate" else sql
