"""The same kills where the journal is in PostgreSQL; and PostgreSQL itself gone at a moment of a deployment."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from journeys.kill.field import Field, Strike
from journeys.service import Service, wait_until
from postgres_server import PostgresServer, new_server

pytestmark = pytest.mark.journey

SHARED = """
[journal]
kind = "postgres"
url_env = "JOURNAL_URL"
"""
SLOW = pytest.mark.slow
KILLS = [
    Strike("done go-*-switch", "before"),
    *(
        pytest.param(strike, marks=SLOW)
        for strike in (
            Strike("take_over", "after"),
            Strike("begin go-*-stage", "after"),
            Strike("put_backup", "before"),
            Strike("done go-*-migrate", "before"),
            Strike("begin go-*-start", "after"),
            Strike("mark_live", "before"),
            Strike("window opened", "before"),
            Strike("add_samples", "after"),
            Strike("set_release_state", "before"),
        )
    ),
]
LOST = [
    Strike("begin go-*-migrate", "after", who="waits"),
    *(
        pytest.param(strike, marks=SLOW)
        for strike in (
            Strike("begin go-*-stage", "before", who="waits"),
            Strike("done go-*-backup", "before", who="waits"),
            Strike("begin go-*-start", "before", who="waits"),
            Strike("done go-*-switch", "before", who="waits"),
            Strike("window opened", "before", who="waits"),
        )
    ),
]


class OnPostgres(Service):
    """The journal is asked where it is."""

    server: PostgresServer

    def journal(self, query: str) -> list[tuple[Any, ...]]:
        return self.server.query(re.sub(r"\b(FROM|JOIN) (\w+)", r"\1 mobius.\2", query))


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    made = new_server(fsync="on", full_page_writes="on")
    yield made.start()
    made.close()


@pytest.fixture
def ground(server: PostgresServer, tmp_path: Path) -> Iterator[Field]:
    """A service in order, with a journal of its own."""
    server.query("DROP SCHEMA IF EXISTS mobius CASCADE")
    environ = {"JOURNAL_URL": server.url()}
    service = OnPostgres(tmp_path, window="2s", interval="250ms", more=SHARED, environ=environ)
    service.server = server
    try:
        yield Field(service).begin()
    finally:
        service.close()


@pytest.mark.parametrize("strike", KILLS, ids=str)
def test_a_deployment_whose_runner_is_killed_ends_well_by_itself(ground: Field, strike: Strike) -> None:
    done, _ = ground.deploy(strike)
    assert ground.has_struck()
    run = ground.settled()
    if run["state"] == "inconclusive" and done.code == 4:  # struck in the window: too little was seen of it
        ground.service.mobius("accept", expect=0)
    else:
        assert done.code == 0, f"{done}\n{ground.service.log()}"
    ground.assert_all_is_well(ground.tags[-1], states=["accepted", "inconclusive"], switches=1)


@pytest.mark.parametrize("strike", LOST, ids=str)
def test_a_deployment_waits_while_postgresql_is_killed_and_begins_nothing_without_it(
    ground: Field, server: PostgresServer, strike: Strike
) -> None:
    tag = ground.next_tag()
    environ = ground.arm(strike)
    os.mkfifo(ground.folder / "go")
    going = ground.service.start("deploy", "--tag", tag, environ=environ)
    wait_until(lambda: (ground.folder / "pid").exists(), 60)
    _kill(server)
    with (ground.folder / "go").open("w") as go:
        go.write("on")
    noted = len(ground.writes())
    time.sleep(1.0)  # long enough for several steps, if it went on
    tried = ground.writes()[noted:]
    begun = {write.removeprefix("begin ") for write in tried if write.startswith("begin ")}
    assert not begun & {write.removeprefix("done ") for write in tried}, (
        "a step went on that nobody wrote down"
    )
    server.start()
    done = ground.service.finish(going)
    if ground.settled()["state"] == "inconclusive" and done.code == 4:
        ground.service.mobius("accept", expect=0)
    ground.assert_all_is_well(tag, states=["accepted", "inconclusive"], switches=1)


def _kill(server: PostgresServer) -> None:
    """As a power cut would: without a word to anybody."""
    assert server.pid is not None
    os.killpg(server.pid, signal.SIGKILL)
    server.stop()
