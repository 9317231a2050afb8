"""An environment whose journal is in PostgreSQL: deployed, restarted in the middle, lost in an emergency, shared."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from journeys.service import Service, wait_until
from postgres_server import Database, PostgresServer, new_server

pytestmark = pytest.mark.journey

SHARED = """
[journal]
kind = "postgres"
url_env = "JOURNAL_URL"
"""


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """One that a test may end and start, with a disk it waits for."""
    server = new_server(fsync="on", full_page_writes="on")
    yield server.start()
    server.close()


def operator(folder: Path, url: str, **how: str) -> Service:
    """One operator's checkout, with a root of its own."""
    often = {"window": "4s", "interval": "500ms", **how}  # enough looks, where each is written over a line
    service = Service(folder, alone=False, more=SHARED, environ={"JOURNAL_URL": url}, **often)
    for tag in ("v1", "v2"):
        service.add_release(tag)
    return service


def test_a_deployment_is_written_in_postgresql_alone(
    tmp_path: Path, new_database: Callable[..., Database]
) -> None:
    database = new_database("journal")
    with operator(tmp_path, database.url) as service:
        service.mobius("deploy", "--tag", "v1", expect=0)
        service.mobius("deploy", "--tag", "v2", expect=0)
        service.mobius("rollback", "--yes", expect=0)
        assert service.get()["release"] == "v1"
        assert not (service.root / "journal.db").exists()
        assert database.one("SELECT count(*) FROM mobius.events") > 20
        assert "unbroken" in service.mobius("audit", "verify", expect=0).out
        assert "rollback" in service.mobius("history", expect=0).out
        kept = [path for path in service.root.rglob("*") if path.is_file()]
        assert not any(b"journal_" in path.read_bytes() for path in kept if path.suffix in (".log", ".html"))


def test_a_server_that_restarts_again_and_again_breaks_no_deployment(
    tmp_path: Path, own_server: PostgresServer
) -> None:
    with operator(tmp_path, own_server.url(), window="6s") as service:
        service.mobius("deploy", "--tag", "v1", expect=0)
        deploying = service.start("deploy", "--tag", "v2")
        wait_until(lambda: _state(own_server, 2) or deploying.poll() is not None)  # before, nothing is begun
        restarts = 0
        while _state(own_server, 2) != "observing" and deploying.poll() is None:
            own_server.stop()
            own_server.start()
            restarts += 1
            seen = _events(own_server)
            wait_until(lambda: _events(own_server) > seen + 1 or deploying.poll() is not None)  # noqa: B023
        done = service.finish(deploying)
        # The last restart may fall into the window: what was not measured is said, and never counted as healthy.
        ended = {0: "accepted", 4: "inconclusive"}
        assert _state(own_server, 2) == ended.get(done.code), f"{done}\n{service.log()}"
        assert restarts >= 3
        assert service.get()["release"] == "v2"
        assert service.rows("SELECT count(*) FROM applied_once") == [(1,)]
        service.mobius("audit", "verify", expect=0)
        done_once = own_server.query(
            "SELECT count(*), count(DISTINCT (run_id, step_id)) FROM mobius.steps WHERE done_at > 0"
        )
        assert done_once[0][0] == done_once[0][1] > 10


def test_without_its_journal_status_says_so_and_an_emergency_goes_back(
    tmp_path: Path, own_server: PostgresServer
) -> None:
    with operator(tmp_path, own_server.url()) as service:
        service.mobius("deploy", "--tag", "v1", expect=0)
        service.mobius("deploy", "--tag", "v2", expect=0)
        own_server.stop()
        said = service.mobius("status")
        assert "v2" in said.out
        assert "cannot be reached" in said.out + said.err
        refused = service.mobius("deploy", "--tag", "v1")
        assert refused.code != 0
        assert "cannot be reached" in refused.err
        assert service.get()["release"] == "v2"
        began = time.monotonic()
        service.mobius("rollback", "--emergency")
        assert time.monotonic() - began < 30.0
        assert service.get()["release"] == "v1"
        log = (service.folder / "logs" / "deployment.log").read_text()
        assert "no journal, going back without it: the journal in postgres" in log
        said = service.mobius("status").out
        assert "an emergency rollback of" in " ".join(said.split())
        assert "is not yet in the journal" in " ".join(said.split())
        assert "next:     mobius doctor -e production" in said
        own_server.start()
        assert service.status()["live"]["tag"] == "v1"
        kept = service.status()
        assert not any("not yet in the journal" in words for words in kept["warnings"])
        assert (kept["run"]["kind"], kept["run"]["state"]) == ("rollback", "rolled back")
        told = "SELECT count(*) FROM mobius.events WHERE kind = 'emergency recorded'"
        service.mobius("resume", expect=0)
        assert own_server.query(told)[0][0] == 1
        assert "unbroken" in service.mobius("audit", "verify", expect=0).out
        service.mobius("deploy", "--tag", "v2", expect=0)
        assert service.get()["release"] == "v2"


def test_an_emergency_that_is_killed_is_carried_on_when_the_journal_is_back(
    tmp_path: Path, own_server: PostgresServer
) -> None:
    with operator(tmp_path, own_server.url()) as service:
        service.mobius("deploy", "--tag", "v1", expect=0)
        service.mobius("deploy", "--tag", "v2", expect=0)
        own_server.stop()
        spool = service.root / "emergencies"
        for lines in (2, 5):
            going = service.start("rollback", "--emergency")
            wait_until(lambda n=lines, one=going: _longest(spool) >= n or one.poll() is not None)
            going.kill()
            service.finish(going)
        own_server.start()
        service.mobius("resume")
        wait_until(lambda: _state(own_server, 3) in ("observing", "rolled back", "accepted"))
        assert service.get()["release"] == "v1"
        assert own_server.query("SELECT count(*) FROM mobius.runs")[0][0] == 3
        assert list(spool.glob("*.jsonl")) == []
        service.mobius("audit", "verify", expect=0)


def test_the_processes_of_one_machine_are_changed_there_alone(
    tmp_path: Path, new_database: Callable[..., Database]
) -> None:
    database = new_database("journal")
    with operator(tmp_path / "anna", database.url) as anna, operator(tmp_path / "ben", database.url) as ben:
        anna.mobius("deploy", "--tag", "v1", expect=0)
        for words in (("deploy", "--tag", "v2"), ("rollback", "--yes"), ("resume",), ("abort",), ("accept",)):
            refused = ben.mobius(*words)
            assert refused.code in (1, 2), refused
        refused = ben.mobius("deploy", "--tag", "v2")
        assert f"production lives on {socket.gethostname()}, in {anna.root.resolve()}" in refused.err
        assert f"mobius --on {socket.gethostname()}:{anna.folder.resolve()}" in refused.err
        assert "v1" in ben.mobius("history", expect=0).out
        ben.mobius("audit", "verify", expect=0)
        assert anna.get()["release"] == "v1"


def test_a_journal_moves_into_postgresql_and_back(
    tmp_path: Path, new_database: Callable[..., Database]
) -> None:
    database = new_database("journal")
    with Service(tmp_path, alone=False, environ={"JOURNAL_URL": database.url}) as service:
        for tag in ("v1", "v2"):
            service.add_release(tag)
        service.mobius("deploy", "--tag", "v1", expect=0)
        head = service.mobius("audit", "head", expect=0).out.strip()
        to = ("journal", "copy", "--to", "postgres", "--url-env", "JOURNAL_URL", "--schema", "mobius")
        assert "would be copied" in service.mobius(*to, "--dry-run", expect=0).out
        assert database.one("SELECT to_regclass('mobius.runs') IS NULL")
        assert service.mobius(*to).code == 2  # asks, and nobody is there
        service.mobius(*to, "--yes", expect=0)
        assert "a journal in the destination already" in service.mobius(*to, "--yes").err
        config = service.folder / "mobius.toml"
        before = config.read_text()
        config.write_text(before + SHARED)
        assert service.mobius("audit", "head", expect=0).out.strip() == head
        service.mobius("audit", "verify", "--head", head, expect=0)
        service.mobius("deploy", "--tag", "v2", expect=0)
        (service.root / "journal.db").rename(service.root / "journal.old")
        service.mobius("journal", "copy", "--to", "sqlite", "--yes", expect=0)
        config.write_text(before)
        service.mobius("audit", "verify", "--head", head, expect=0)
        assert service.status()["live"]["tag"] == "v2"
        service.mobius("rollback", "--yes", expect=0)
        assert service.get()["release"] == "v1"


def test_two_operators_deploy_strictly_one_after_the_other(
    tmp_path: Path, new_database: Callable[..., Database]
) -> None:
    database = new_database("journal")
    with (
        operator(tmp_path / "anna", database.url, window="3s") as anna,
        operator(tmp_path / "ben", database.url) as ben,
    ):
        (ben.root / "shared" / "data").mkdir(parents=True)
        first = anna.start("deploy", "--tag", "v1")
        wait_until(lambda: _state(database.server, 1, database.name) == "running")
        runner = psutil.Process(anna.runner_pid(1))
        runner.suspend()  # a deployment that takes long
        try:
            assert _state(database.server, 1, database.name) == "running"
            # One that was stopped in the middle of a line loses its turn after a while.
            wait_until(lambda: ben.mobius("journal", "home", "--yes").code == 0, 60.0)
            for words in (("deploy", "--tag", "v1"), ("abort", "--yes"), ("resume",)):
                refused = ben.mobius(*words)
                assert refused.code in (2, 10), refused
                assert "run 1" in refused.err
            assert ben.mobius("deploy", "--tag", "v1").code == 10
        finally:
            runner.resume()
        assert anna.finish(first).code == 0
        ben.mobius("deploy", "--tag", "v2", expect=0)
        runs = database.execute("SELECT id, state, started_at, ended_at FROM mobius.runs ORDER BY id")
        assert [(run[0], run[1]) for run in runs][:1] == [(1, "accepted")]
        anna.mobius("audit", "verify", expect=0)


def _longest(spool: Path) -> int:
    """Lines of the longest file."""
    return max((len(file.read_bytes().splitlines()) for file in spool.glob("*.jsonl")), default=0)


def _state(server: PostgresServer, run_id: int, database: str = "postgres") -> str:
    """Of this run, "" while there is none."""
    made = server.query("SELECT to_regclass('mobius.runs') IS NOT NULL", database=database)
    asked = "SELECT state FROM mobius.runs WHERE id = %s"
    found = server.query(asked, (run_id,), database=database) if made[0][0] else []
    return str(found[0][0]) if found else ""


def _events(server: PostgresServer) -> int:
    return int(server.query("SELECT count(*) FROM mobius.events")[0][0])
