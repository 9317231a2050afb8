"""A PostgreSQL database with the rest of the data, on a real server: counted, put back, and taken back with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.backups.yard import Yard
from mobius.adapters.backups.comparing_servers import COUNTED_ONLY
from mobius.adapters.backups.folder import FolderBackups
from mobius.adapters.databases.captures import Dumps
from mobius.adapters.places import Places
from mobius.model.loss import TableChange
from mobius.model.settings import DatabaseSettings
from mobius.ports import nothing
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


def test_rows_written_since_are_counted_and_a_server_that_is_not_asked_is_a_note(
    yard: Yard, backups: FolderBackups, app: Database
) -> None:
    made = backups.create(kind="release", release=yard.stage(), run_id=1, progress=nothing)
    app.execute("INSERT INTO post (body) VALUES ('second'), ('third')")

    found = backups.compare(Path(made.path), within_s=30)
    assert found.tables[-1] == TableChange("app", "public.post", 1, 3, counted_only=COUNTED_ONLY)
    assert found.notes == ()
    assert yard.backups.compare(Path(made.path), within_s=30).notes == (
        "the database app is not named in mobius.toml",
    )


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
