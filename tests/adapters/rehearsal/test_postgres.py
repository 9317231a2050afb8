"""A release with a PostgreSQL database is booted on its dump, and gets from there to nothing that is live."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.rehearsal.ground import Ground
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from mobius.model.settings import DatabaseSettings, RehearsalSettings, SmokeSettings
from postgres_server import Database

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(Bubblewrap().why_not()), reason=Bubblewrap().why_not() or "there"),
]
NewDatabase = Callable[..., Database]
OUTSIDE = Path("/var/tmp/outside")


def ground_of(place: Path, app: Database, **more: Any) -> Ground:
    """A service that finds its database by DATABASE_URL, and knows by heart where the live one is."""
    database = DatabaseSettings("app", url_env="DATABASE_URL")
    return Ground(
        place,
        "notes.py",
        python=(sys.executable,),
        env={"DATABASE_URL": app.url, "LIVE_URL": app.url},
        databases=(database,),
        smoke=(SmokeSettings("notes", url="/", expect=("json.notes == 1",)),),
        rehearsal=RehearsalSettings(boot=True, timeout_s=90.0),
        **more,
    )


def test_it_runs_on_a_scratch_database_and_cannot_reach_the_live_one(
    place: Path, new_database: NewDatabase
) -> None:
    app = new_database("app")
    app.execute("CREATE TABLE note (text text)")
    app.execute("INSERT INTO note VALUES ('live')")
    ground = ground_of(place, app)
    backup = ground.backup()
    told = ground.rehearse(backup)
    assert told["booted"], told
    assert told["databases"]["databases/app"] == 1
    found = ground.isolation.findings
    assert found["write a note"] == found["make a table"] == found["take what PG* says"] == "worked"
    tried = ("the live database", "run a program", "write a file", "read a file", "become the superuser")
    for name in (*tried, "make a superuser", "make an extension", "change the server"):
        assert found[name] != "worked", (name, found[name])
    assert found["superuser"] is False
    assert app.url != found["env"]["DATABASE_URL"]
    assert app.one("SELECT count(*) FROM note") == 1 and not OUTSIDE.exists()
    assert app.one("SELECT count(*) FROM pg_tables WHERE tablename = 'of_a_rehearsal'") == 0


def test_a_database_with_a_way_out_of_its_own_is_not_booted(place: Path, new_database: NewDatabase) -> None:
    app = new_database("app")
    app.execute("CREATE TABLE note (text text)")
    try:
        app.execute("CREATE EXTENSION dblink")
    except Exception as problem:
        pytest.skip(f"dblink is not there: {problem}")
    told = ground_of(place, app).rehearse()
    assert told["not_proven"].endswith(
        " has the foreign data wrapper dblink_fdw, by which a rehearsed release could leave its scratch copy"
    )
