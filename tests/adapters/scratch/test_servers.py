"""Scratch databases in the place of live ones: what a release finds leads nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobius.adapters.databases.postgres_address import connected, parsed
from mobius.adapters.scratch.servers import Given, empty_databases, moved_databases
from mobius.errors import MobiusError
from mobius.model.settings import DatabaseSettings, EnvironmentSettings, ProcessSettings
from postgres_server import programs

LIVE = "postgresql://app:secret@db.example.org/shop"
SCRATCH = "postgresql://app:other@/shop?host=/run/pg&port=5432"
WEB = ProcessSettings(
    "web", ("run",), env={"DATABASE_URL": LIVE, "PGSERVICE": "live"}, pass_env=("SHOP_URL", "PATH")
)
SETTINGS = EnvironmentSettings(
    name="staging",
    url="http://127.0.0.1:5002",
    root=Path("/srv/shop/.mobius/staging"),
    processes=(WEB,),
    databases=(DatabaseSettings("shop", url_env="SHOP_URL", engine="pgbackrest", stanza="main"),),
)


def test_every_variable_that_leads_to_the_live_database_leads_to_the_scratch_one() -> None:
    own = {"DATABASE_URL": LIVE, "SHOP_URL": LIVE, "PGSERVICE": "live", "PATH": "/bin"}
    moved = moved_databases(SETTINGS, Given({"shop": SCRATCH}), {"web": own})
    (process,) = moved.processes
    assert process.pass_env == ("PATH",)
    assert process.env["SHOP_URL"] == SCRATCH and "PGSERVICE" not in process.env
    assert "db.example.org" not in str(process) + str(moved.databases)
    assert (moved.databases[0].engine, moved.databases[0].url) == ("dump", SCRATCH)


def test_without_databases_nothing_changes() -> None:
    assert moved_databases(SETTINGS, Given(), {}) is SETTINGS


@pytest.mark.slow
def test_empty_databases_have_the_names_and_owners_of_the_live_ones(tmp_path: Path) -> None:
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    both = (DatabaseSettings("shop", url_env="A"), DatabaseSettings("more", url_env="B"))
    live = {"shop": LIVE, "more": LIVE}
    with empty_databases(tmp_path, both, live) as given:
        for name, database in (("shop", "shop"), ("more", "shop_1")):
            with connected(parsed(name, given.urls[name]), "asking") as db:
                found = db.execute("SELECT current_user, current_database()").fetchone()
                assert found == ("app", database)
                db.execute("CREATE TABLE item (id int)")
                with pytest.raises(MobiusError), connected(parsed(name, given.urls[name]), "asking") as other:
                    other.execute("CREATE ROLE somebody")
        (socket,) = given.sockets
    assert not socket.exists()
