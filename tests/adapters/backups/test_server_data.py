"""A PostgreSQL database with the rest of the data, on a real server: counted, put back, and taken back with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.backups.yard import Yard
from mobius.adapters.backups.folder import FolderBackups
from mobius.adapters.databases.captures import Dumps
from mobius.adapters.places import Places
from mobius.model.loss import LostRow, TableChange
from mobius.model.settings import DatabaseSettings
from mobius.ports import NotAllTold, nothing
from postgres_server import Database


@pytest.fixture
def app(new_database: Callable[..., Database]) -> Database:
    database = new_database("app")
    database.execute("CREATE TABLE post (id serial PRIMARY KEY, body text)")
    database.execute("INSERT INTO post (body) VALUES ('first')")
    return database


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


@pytest.fixture
def backups(yard: Yard, app: Database) -> FolderBackups:
    settings = replace(yard.settings, databases=(DatabaseSettings("app", url=app.url),))
    places = Places(yard.project, yard.root)
    return FolderBackups(
        "dhash", settings, places, yard.store, databases=Dumps("dhash", settings, places, {})
    )


def bodies(app: Database) -> list[str]:
    return [row[0] for row in app.execute("SELECT body FROM post ORDER BY id")]


def test_rows_written_since_are_told_by_key_and_a_server_that_is_not_asked_is_a_note(
    yard: Yard, backups: FolderBackups, app: Database
) -> None:
    app.execute("INSERT INTO post (body) VALUES ('old'), ('goes')")
    made = backups.create(kind="release", release=yard.stage(), run_id=1, progress=nothing)
    app.execute("INSERT INTO post (body) VALUES ('second'), ('third')")
    app.execute("UPDATE post SET body = 'new' WHERE body = 'old'")
    app.execute("DELETE FROM post WHERE body = 'goes'")

    found = backups.compare(Path(made.path), within_s=60)
    assert found.tables[-1] == TableChange("app", "public.post", 3, 4, added=2, changed=1, removed=1)
    assert found.notes == ()
    assert not list((yard.root / "run").glob("compared-*"))
    assert yard.backups.compare(Path(made.path), within_s=30).notes == (
        "the database app is not named in mobius.toml",
    )


def test_without_the_time_to_restore_it_a_database_is_counted_only(
    yard: Yard, backups: FolderBackups, app: Database
) -> None:
    made = backups.create(kind="release", release=yard.stage(), run_id=1, progress=nothing)
    app.execute("INSERT INTO post (body) SELECT repeat('x', 1000) FROM generate_series(1, 30000)")
    bigger = backups.create(kind="release", release=yard.stage(), run_id=2, progress=nothing)
    app.execute("DELETE FROM post WHERE id = 2")

    (_, change) = backups.compare(Path(bigger.path), within_s=0.5).tables
    assert (change.rows_then, change.rows_now, change.added) == (30001, 30000, None)
    assert "are too much to restore for it" in change.counted_only
    (_, change) = backups.compare(Path(made.path), within_s=60).tables
    assert (change.added, change.changed, change.removed) == (29999, 0, 0)


def test_the_dump_of_an_archive_from_elsewhere_is_not_restored_to_compare_it(
    yard: Yard, backups: FolderBackups, app: Database, tmp_path: Path
) -> None:
    made = backups.create(kind="release", release=yard.stage(), run_id=1, progress=nothing)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file in (Path(made.path), Path(made.path + ".sha256")):
        shutil.copy(file, elsewhere)

    found = backups.compare(elsewhere / made.name, within_s=60)
    told = "it is not of the backup folder"
    assert found.tables[-1] == TableChange("app", "public.post", 1, 1, counted_only=told)


def test_rows_that_were_replaced_are_listed_and_so_are_those_that_came_after_the_emergency_backup(
    yard: Yard, backups: FolderBackups, app: Database
) -> None:
    app.execute("CREATE TABLE line (text text)")
    made = backups.create(kind="release", release=yard.stage(), run_id=1, progress=nothing)
    app.execute("INSERT INTO post (body) VALUES ('second')")
    app.execute("INSERT INTO line VALUES ('has no key')")
    emergency = backups.create(kind="emergency", release=yard.stage(), run_id=2, progress=nothing)
    app.execute("INSERT INTO post (body) VALUES ('third')")
    backups.restore_data(Path(made.path), key="k", progress=nothing)
    app.execute("INSERT INTO post (body) VALUES ('written since it is back')")

    found = backups.lost(Path(made.path), key="k", emergency=Path(emergency.path), within_s=120)
    rows: list[LostRow] = []
    with pytest.raises(NotAllTold, match=r"public\.line in app: it has no primary key") as told:
        rows.extend(found)
    of_app = [(row.row["body"], row.change, row.late) for row in rows if row.source == "app"]
    assert of_app == [("second", "added", False), ("third", "added", False), ("third", "added", True)]
    assert (told.value.untold, told.value.late) == ({"public.line in app": "it has no primary key"}, {})


def test_files_and_database_come_back_together_and_are_taken_back_together(
    yard: Yard, backups: FolderBackups, app: Database
) -> None:
    made = backups.create(kind="release", release=yard.stage(), run_id=1, progress=nothing)
    yard.write("later")
    app.execute("INSERT INTO post (body) VALUES ('later')")

    backups.prepare_data(Path(made.path), key="k", progress=nothing)
    assert (yard.read(), bodies(app)) == ("later", ["first", "later"])
    for _ in range(2):
        backups.restore_data(Path(made.path), key="k", progress=nothing)
        assert (yard.read(), bodies(app)) == ("first", ["first"])

    for _ in range(2):
        backups.take_back_data("k")
        assert (yard.read(), bodies(app)) == ("later", ["first", "later"])
