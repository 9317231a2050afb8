"""A release on three hosts of which one is bad by itself: it is taken out, the release stays, and it is put back."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from journeys.hosts.fleet_service import HOSTS, Fleet, Load, a_fleet, until
from mobius.host.client import HostClient

pytestmark = pytest.mark.slow
MONITOR = 'blip_tolerance = "2s"\n'
LONG = "600s"
OTHERS = {"v2 web1", "v2 web3"}


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with a_fleet(window=LONG, fleet="failure_budget = 1", policy="adaptive", monitor=MONITOR) as made:
        made.add_release("v1")
        made.mobius("deploy", "--tag", "v1", "--detach", expect=0)
        made.mobius("accept", "-e", "production", expect=0)
        made.add_release("v2")
        yield made


def events(fleet: Fleet, kind: str) -> list[dict[str, Any]]:
    """What was told, of one kind."""
    lines = fleet.mobius("audit", "log", "-e", "production", "--json", expect=0).out.splitlines()
    return [told for told in map(json.loads, lines) if told.get("event") == kind]


def in_window(fleet: Fleet, load: Load) -> None:
    fleet.mobius("deploy", "--tag", "v2", "--detach", expect=0)
    more(load, 40)


def more(load: Load, requests: int) -> None:
    """Waits for so many more."""
    wanted = load.sent + requests
    until(lambda: load.sent > wanted, "requests come")


def test_a_host_that_fails_is_taken_out_and_put_back_once_it_is_well(fleet: Fleet) -> None:
    with Load(fleet.url) as load:
        in_window(fleet, load)
        fleet.ail("web2", "fails")
        until(lambda: fleet.answers(12) == OTHERS, "web2 gets no requests any more", 120)
        more(load, 40)  # what it had in the air has come back
        failed = len(load.failed)
        more(load, 150)
        assert len(load.failed) == failed, "without web2 nothing fails"
        told = events(fleet, "host taken out")
        assert [one["data"]["hosts"] for one in told] == [["web2"]]
        assert events(fleet, "rollback begun") == []
        status = json.loads(fleet.mobius("status", "--json").out.splitlines()[-1])
        assert [(host["name"], host["is_bad"]) for host in status["hosts"]] == [
            ("web1", False), ("web2", True), ("web3", False),
        ]  # fmt: skip
        text = fleet.mobius("status").out
        assert "taken out" in text, text
        assert "mobius resume -e production" in text, text
        fleet.ail("web2", "fails sick")
        refused = fleet.mobius("resume", "-e", "production")
        assert refused.code == 3, str(refused)
        assert "web2" in refused.err
        assert fleet.answers(12) == OTHERS
        fleet.ail("web2", "")
        done = fleet.mobius("resume", "-e", "production", expect=0)
        assert "web2" in done.out, str(done)
        until(lambda: fleet.answers(12) == {f"v2 {name}" for name in HOSTS}, "web2 is back")
        assert len(events(fleet, "hosts put back")) == 1
    fleet.mobius("accept", "-e", "production", expect=0)
    assert fleet.answers(12) == {f"v2 {name}" for name in HOSTS}


def test_a_host_that_fails_its_own_checks_is_taken_out(fleet: Fleet) -> None:
    fleet.mobius("deploy", "--tag", "v2", "--detach", expect=0)
    fleet.ail("web3", "sick")
    until(lambda: events(fleet, "host taken out"), "web3 is found by its own checks", 60)
    assert fleet.answers(12) == {"v2 web1", "v2 web2"}
    assert events(fleet, "rollback begun") == []


def test_a_release_that_fails_everywhere_is_taken_back_everywhere(fleet: Fleet) -> None:
    with Load(fleet.url) as load:
        in_window(fleet, load)
        for name in HOSTS:
            fleet.ail(name, "v2-fails")
        until(lambda: events(fleet, "rolled back"), "it is taken back", 120)
    assert fleet.answers(12) == {f"v1 {name}" for name in HOSTS}
    assert events(fleet, "host taken out") == []


def test_two_bad_hosts_where_one_may_fail_are_a_bad_release(fleet: Fleet) -> None:
    with Load(fleet.url) as load:
        in_window(fleet, load)
        for name in ("web1", "web2"):
            fleet.ail(name, "v2-fails")
        until(lambda: events(fleet, "rolled back"), "it is taken back", 120)
    assert "v1" in fleet.get("/")


def test_a_runner_killed_while_it_takes_a_host_out_is_carried_on_and_tells_it_once(fleet: Fleet) -> None:
    with Load(fleet.url) as load:
        in_window(fleet, load)
        fleet.ail("web2", "fails")
        file = fleet.root / "run" / "fleet.json"
        end = time.monotonic() + 120
        while not (file.exists() and "web2" in file.read_text()):
            assert time.monotonic() < end
            time.sleep(0.002)
        kill_runner(fleet)
        until(lambda: fleet.answers(12) == OTHERS, "web2 gets no requests any more", 60)
        until(lambda: events(fleet, "host taken out"), "it is told", 60)
    assert [one["data"]["hosts"] for one in events(fleet, "host taken out")] == [["web2"]]
    assert events(fleet, "rollback begun") == []


def kill_runner(fleet: Fleet) -> None:
    """kill -9 of the process that watches; the supervisor starts the next one."""
    for job in HostClient(fleet.root).status().jobs.values():
        if job.pid:
            os.kill(job.pid, signal.SIGKILL)
