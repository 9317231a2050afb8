"""A fleet whose journal is in PostgreSQL, and away: taken back all the same, and written down afterwards."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from adapters.fleet.agents import line_to
from journeys.hosts.fleet_service import HOSTS, Fleet, a_fleet, until
from journeys.service import LONG_S
from mobius.errors import Fenced
from mobius.host.client import HostClient, HostRefused, HostUnavailable
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


@contextlib.contextmanager
def another_machine(fleet: Fleet) -> Iterator[Callable[..., str]]:
    """The same project in a folder of its own, with the same hosts, HAProxy and journal: what its commands say."""
    folder = fleet.folder / "elsewhere"
    folder.mkdir()
    state = fleet.root / "run" / "haproxy.state"
    text = fleet.config.read_text().replace('kind = "haproxy"', f'kind = "haproxy"\nstate_file = "{state}"')
    (folder / "mobius.toml").write_text(text)
    shutil.copytree(fleet.folder / "releases", folder / "releases")
    (folder / "proxy").symlink_to(fleet.folder / "proxy")

    def mobius(*words: str) -> str:
        command = [sys.executable, "-m", "mobius", *words]
        done = subprocess.run(
            command,
            cwd=folder,
            env=fleet.environ,
            capture_output=True,
            text=True,
            timeout=LONG_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    try:
        yield mobius
    finally:
        with contextlib.suppress(HostUnavailable, HostRefused):
            HostClient(folder / ".mobius" / "production").shutdown(stop_slots=True)


def test_without_the_journal_a_machine_knows_what_another_one_deployed_and_goes_back_one_release(
    fleet: Fleet, own_server: PostgresServer
) -> None:
    with another_machine(fleet) as elsewhere:
        elsewhere("deploy", "--tag", "v3", "--detach")
        assert fleet.answers() == {f"v3 {name}" for name in HOSTS}
        own_server.stop()
        said = fleet.mobius("status", expect=0).out.splitlines()
        assert said[1].startswith("live:     v3; "), said
        assert any(one.startswith("hosts:    3 of 3 serve") for one in said[2:4]), said
        assert any(one.startswith("previous: v2, warm in ") for one in said), said
        assert said[-1] == "next:     mobius doctor -e production"
        done = fleet.mobius("rollback", "--emergency", within_s=60)
        assert fleet.answers() == {f"v2 {name}" for name in HOSTS}, str(done)
        assert done.out.rstrip().endswith("mobius resume -e production"), str(done)


def line_closing(fleet: Fleet, name: str):  # type: ignore[no-untyped-def]
    return contextlib.closing(line_to(fleet.host_root(name), name))
