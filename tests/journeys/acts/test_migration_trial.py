"""What a migration does to the data is seen on the restored copy, before the live data is touched."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from journeys.service import Service

pytestmark = pytest.mark.journey


def test_a_migration_that_takes_rows_along_that_it_does_not_name_is_stopped_before_anything_moves(
    new_service: Callable[..., Service],
) -> None:
    service = new_service(alone=False)
    service.add_release("v1")
    service.mobius("deploy", "--tag", "v1", "--detach", expect=0)
    database = service.root / "shared" / "data" / "app.db"
    with closing(sqlite3.connect(database)) as db, db:
        db.executescript(
            """CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT);
            CREATE TRIGGER sly AFTER DELETE ON applied_once BEGIN DELETE FROM notes; END;
            INSERT INTO notes VALUES (1, 'kept'), (2, 'kept');"""
        )
    v2 = service.add_release("v2", migrations=2)
    (v2 / "migrations" / "002_step.sql").write_text("DELETE FROM applied_once;\n")
    done = service.mobius("deploy", "--tag", "v2", expect=3)
    assert "2 rows of notes are gone, though no statement names it (on the restored copy)" in done.out
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("SELECT count(*) FROM notes").fetchone() == (2,)
    assert service.get("/")["release"] == "v1"
