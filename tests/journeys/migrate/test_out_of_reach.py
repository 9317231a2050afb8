"""A rehearsal never reaches the live database: not by its migrations, not by a release that it starts, not by its own
sessions, whatever the environment, the service's settings and files in the home folder say."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapters.rehearsal.ground import a_place
from free_ports import free_port
from journeys.migrate.stage import OLD, Shop
from mobius.adapters.rehearsal.bubblewrap import Bubblewrap
from mobius.model.release import BackupRecord, Release
from mobius.model.settings import MigrationSettings
from postgres_server import Database, PostgresServer, new_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(Bubblewrap().why_not()), reason=Bubblewrap().why_not() or "there"),
]
REACHING = Path(__file__).parent / "reaching.py"


@dataclass(frozen=True)
class Live:
    """A live server that listens everywhere and lets everybody in, and a shop on it."""

    server: PostgresServer
    database: Database
    port: int
    home: Path
    shop: Shop
    backup: BackupRecord

    @property
    def variables(self) -> dict[str, str]:
        """Everything that libpq, drivers and frameworks look at, leading to the live database."""
        network = f"postgresql://mobius@127.0.0.1:{self.port}/{self.database.name}"
        return {
            "DATABASE_URL": network,
            "LIVE_URL": self.database.url,
            "DJANGO_DB": network,
            "PGHOST": str(self.server.folder),
            "PGHOSTADDR": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGDATABASE": self.database.name,
            "PGUSER": "mobius",
            "PGPASSWORD": "anything",
            "PGSERVICE": "live",
            "PGSERVICEFILE": str(self.home / ".pg_service.conf"),
            "PGPASSFILE": str(self.home / ".pgpass"),
            "PGSYSCONFDIR": str(self.home),
            "HOME": str(self.home),
        }

    def said_hello(self) -> int:
        """How often somebody connected to the live database."""
        log = self.server.log.read_text()
        return log.count(f"connection authorized: user=mobius database={self.database.name}")


@pytest.fixture
def live() -> Iterator[Live]:
    port = free_port()
    server = new_server(listen_addresses="127.0.0.1", port=str(port), log_connections="on")
    try:
        server.url = lambda database="postgres", user="mobius", password="": (  # type: ignore[method-assign]
            f"postgresql://{user}@/{database}?host={server.folder}&port={port}"
        )
        server.start().query("CREATE DATABASE shop")
        with a_place() as folder:
            home = folder / "home"
            home.mkdir()
            (home / ".pgpass").write_text(f"127.0.0.1:{port}:*:mobius:anything\n")
            (home / ".pgpass").chmod(0o600)
            (home / ".pg_service.conf").write_text(f"[live]\nhost=127.0.0.1\nport={port}\nuser=mobius\n")
            database = Database(server, "shop")
            shop = Shop(folder / "shop", database)
            yield Live(server, database, port, home, shop, shop.backup())
    finally:
        server.close()


def candidate_of(live: Live, settings: MigrationSettings, *, serve: bool) -> Release:
    """A release v2 whose code knows the live database by heart."""
    shop = live.shop
    process = replace(
        shop.settings.processes[0],
        start=(sys.executable, "reaching.py", "serve") if serve else (sys.executable, "shop.py"),
        env={**shop.settings.processes[0].env, **live.variables},
    )
    shop.settings = replace(shop.settings, processes=(process,), migrations=settings)
    shop.environ = {**shop.environ, **live.variables}
    tree = shop.release("v2", OLD, {"001_step.sql": "CREATE TABLE of_a_rehearsal (id integer);"})
    shutil.copy(REACHING, tree)
    known: dict[str, Any] = {
        "socket": live.database.url,
        "network": live.variables["DATABASE_URL"],
        "database": live.database.name,
        "variables": live.variables,
        "files": [str(live.home / ".pgpass"), str(live.server.folder), str(live.shop.project / "built")],
    }
    (tree / "live.json").write_text(json.dumps(known))
    return shop.stage_v2()


def is_untouched(live: Live, hellos: int) -> None:
    """Neither a row nor a session of a rehearsal was in the live database; and both would have been seen."""
    assert live.said_hello() == hellos
    assert live.database.one("SELECT count(*) FROM orders WHERE note = 'reached'") == 0
    assert live.database.one("SELECT count(*) FROM pg_tables WHERE tablename = 'of_a_rehearsal'") == 0
    assert live.said_hello() == hellos + 2


def test_no_migration_and_no_release_reaches_the_live_database(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate = candidate_of(live, MigrationSettings(database="app"), serve=True)
    for name, value in live.variables.items():
        monkeypatch.setenv(name, value)
    with psycopg.connect("") as db:  # by all of this, anybody else is led to the live database
        assert db.execute("SELECT count(*) FROM orders").fetchone() == (2,)
    hellos = live.said_hello()
    facts = live.shop.try_out(live.backup, candidate)
    for name in live.variables:
        monkeypatch.delenv(name)
    assert facts["migrations"] == ["001_step"] and facts["stops"] == [], facts
    assert (facts["booted"], facts["old"]["works"], facts["new"]["works"]) == (True, True, True), facts
    found = live.shop.isolation.findings
    assert found.pop("its own address") == "worked"
    assert found.pop("what libpq finds") == "worked"  # as it is led: to the scratch database
    assert set(found.values()) <= {"OperationalError", "not there"}, found
    assert {"the socket", "the network", "the service file", "variables of its own"} < found.keys()
    is_untouched(live, hellos)


def test_no_command_that_migrates_reaches_the_live_database(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = (sys.executable, "reaching.py")
    settings = MigrationSettings(kind="command", path=".", database="app", up=up)
    candidate = candidate_of(live, settings, serve=False)
    for name, value in live.variables.items():
        monkeypatch.setenv(name, value)
    hellos, lines = live.said_hello(), list[str]()
    folder = live.shop.places.releases / candidate.id
    facts = live.shop.rehearse(
        live.backup, migrate_from=folder, candidate=candidate, progress=lines.append, fast=True
    )
    for name in live.variables:
        monkeypatch.delenv(name)
    assert facts["opaque"] and facts["not_tried"] == "" and facts["stops"] == [], facts
    said = [line.partition("found ")[2] for line in lines if "found {" in line]
    assert said, lines
    found = json.loads(said[0])
    assert found.pop("its own address") == "worked"
    assert found.pop("what libpq finds") == "worked"
    assert set(found.values()) <= {"OperationalError", "not there"}, found
    is_untouched(live, hellos)
    assert os.environ.get("PGHOSTADDR") is None
