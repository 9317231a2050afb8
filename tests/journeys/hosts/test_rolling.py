"""One release on three hosts behind HAProxy: batch by batch, nothing lost, and taken back on all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from journeys.hosts.fleet_service import HOSTS, Fleet, Load, a_fleet, until


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with a_fleet() as made:
        made.add_release("v1")
        made.mobius("deploy", "--tag", "v1", expect=0)
        yield made


def test_a_deployment_and_a_rollback_lose_no_request(fleet: Fleet) -> None:
    fleet.add_release("v2")
    with Load(fleet.url) as load:
        done = fleet.mobius("deploy", "--tag", "v2", expect=0)
        assert fleet.answers() == {f"v2 {name}" for name in HOSTS}, str(done)
        fleet.mobius("rollback", "-e", "production", "--yes", expect=0)
        assert fleet.answers() == {f"v1 {name}" for name in HOSTS}
    assert load.failed == [], load.failed[:5]
    assert load.sent > 50
    for name in HOSTS:
        assert fleet.told(name)["live"].startswith("v1")
        assert (fleet.host_root(name) / "current").resolve().name.startswith("v1")


def test_a_release_that_is_unhealthy_on_one_host_gets_no_traffic_anywhere(fleet: Fleet) -> None:
    fleet.add_release("v2", "sick-on-web2")
    done = fleet.mobius("deploy", "--tag", "v2", expect=12)
    assert "web2" in done.out + done.err, str(done)
    assert fleet.answers() == {f"v1 {name}" for name in HOSTS}
    for name in HOSTS:
        assert all("v2" not in one for one in fleet.runs(name)), fleet.runs(name)


def test_a_release_whose_front_page_fails_is_taken_back_on_every_host(fleet: Fleet) -> None:
    fleet.add_release("v2", "fails")
    fleet.mobius("deploy", "--tag", "v2", expect=12)
    assert fleet.answers() == {f"v1 {name}" for name in HOSTS}


def test_what_runs_on_a_host_goes_on_without_the_controller_and_without_the_line(fleet: Fleet) -> None:
    for name in HOSTS:
        fleet.cut(name)
    assert fleet.answers() == {f"v1 {name}" for name in HOSTS}


def test_status_has_a_line_for_every_host_and_says_which_is_not_reached(fleet: Fleet) -> None:
    fleet.cut("web2")
    text = fleet.mobius("status").out
    assert "web2" in text
    assert "not reached" in text, text
    told = json.loads(fleet.mobius("status", "--json").out.splitlines()[-1])
    assert [host["name"] for host in told["hosts"]] == list(HOSTS)
    assert [host["is_reached"] for host in told["hosts"]] == [True, False, True]


def test_a_worker_runs_on_the_hosts_of_its_role_and_never_twice() -> None:
    worker = """
[[process]]
name = "jobs"
kind = "worker"
start = ["sleep", "1000"]
stop_timeout = "2s"
"""
    roles = {"web1": ["web"], "web2": ["web"], "web3": ["jobs"]}
    with a_fleet(more=worker, roles=roles) as made:
        for tag in ("v1", "v2"):
            made.add_release(tag)
            made.mobius("deploy", "--tag", tag, expect=0)
        assert {
            name: {one.partition("=")[0].partition("/")[2] for one in made.runs(name)} for name in HOSTS
        } == {
            "web1": {"web"},
            "web2": {"web"},
            "web3": {"jobs"},
        }
        assert len(made.runs("web3")) == 1
        assert made.answers() == {"v2 web1", "v2 web2"}


def test_a_process_that_dies_on_a_host_comes_back_there(fleet: Fleet) -> None:
    fleet._end_host("web1")
    fleet.mobius(
        "resume", "-e", "production"
    )  # nothing stands still; whoever asks makes the keeper come back
    fleet.add_release("v2")
    fleet.mobius("deploy", "--tag", "v2", expect=0)
    until(lambda: fleet.answers() == {f"v2 {name}" for name in HOSTS}, "every host answers")
