"""A fleet whose journal is in PostgreSQL, and away: taken back all the same, and written down afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.fleet.agents import line_to
from journeys.hosts.fleet_service import HOSTS, Fleet, a_fleet, until
from mobius.errors import Fenced
from postgres_server import PostgresServer, new_server

pytestmark = pytest.mark.journey

SHARED = """
[journal]
kind = "postgres"
url_env = "JOURNAL_URL"
"""


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    server = new_server(fsync="on", full_page_writes="on")
    yield server.start()
    server.close()


@pytest.fixture
def fleet(own_server: PostgresServer) -> Iterator[Fleet]:
    with a_fleet(window="10m", fleet="failure_budget = 1") as made:
        made.environ["JOURNAL_URL"] = own_server.url()
        made.config.write_text(made.config.read_text() + SHARED)
        for tag in ("v1", "v2", "v3"):
            made.add_release(tag)
        made.mobius("deploy", "--tag", "v1", "--detach", expect=0)
        made.mobius("accept", expect=0)
        made.mobius("deploy", "--tag", "v2", "--detach", expect=0)
        yield made


def test_an_emergency_without_the_journal_fences_the_hosts_and_is_recorded_later(
    fleet: Fleet, own_server: PostgresServer
) -> None:
    before = {name: fleet.told(name)["epoch"] for name in HOSTS}
    fleet.cut("web3")
    own_server.stop()
    fleet.mobius("rollback", "--emergency", within_s=60)
    assert fleet.answers() == {"v1 web1", "v1 web2"}
    for name in ("web1", "web2"):
        told = fleet.told(name)
        assert told["epoch"] > 1 << 40 > before[name]
        assert told["emergency"]["by"]
        with line_closing(fleet, name) as line, pytest.raises(Fenced, match="an emergency of"):
            line.ask("stop", token=before[name] + 1, slot="blue", kinds=[])
    said = " ".join(fleet.mobius("status").out.split())
    assert "an emergency rollback of" in said
    assert "is not yet in the journal" in said
    own_server.start()
    resumed = fleet.mobius("resume", expect=3)  # the journal is brought up to date; web3 is still away
    assert "web3 is not reached" in " ".join(resumed.err.split()), str(resumed)
    runs = own_server.query("SELECT kind, state FROM mobius.runs ORDER BY id")
    assert runs == [("deploy", "accepted"), ("deploy", "superseded"), ("rollback", "rolled back")]
    fleet.heal("web3")
    fleet.mobius("deploy", "--tag", "v3", "--detach", expect=0)
    until(lambda: fleet.answers(20) == {f"v3 {name}" for name in HOSTS}, "all three serve the newest")
    assert len({fleet.told(name)["epoch"] for name in HOSTS}) == 1
    fleet.mobius("audit", "verify", expect=0)


def line_closing(fleet: Fleet, name: str):  # type: ignore[no-untyped-def]
    import contextlib

    return contextlib.closing(line_to(fleet.host_root(name), name))
