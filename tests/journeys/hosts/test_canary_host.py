"""A canary by host: one of three gets the new release first, and the others follow only if it is no worse."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from journeys.hosts.fleet_service import HOSTS, Fleet, Load, a_fleet

pytestmark = pytest.mark.slow
MORE = """
[canary]
stage_min = "2s"
stage_max = "4m"
"""


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with a_fleet(policy="adaptive", monitor='blip_tolerance = "1s"\n', more=MORE) as made:
        made.add_release("v1")
        made.mobius("deploy", "--tag", "v1", expect=0)
        yield made


def test_the_other_hosts_follow_a_host_that_is_no_worse(fleet: Fleet) -> None:
    fleet.add_release("v2")
    plan = json.loads(fleet.mobius("plan", "--tag", "v2", "--canary-hosts", "1", "--json", expect=0).out)
    assert "web1" in json.dumps(plan)
    with Load(fleet.url) as load:
        done = fleet.mobius("deploy", "--tag", "v2", "--canary-hosts", "1", expect=0)
        assert "all requests of web1 go to green" in done.out, str(done)
        assert fleet.answers() == {f"v2 {name}" for name in HOSTS}
    assert load.failed == [], load.failed[:5]


def test_a_release_that_is_bad_on_the_first_host_never_comes_to_the_others(fleet: Fleet) -> None:
    fleet.add_release("v2")
    for name in HOSTS:
        fleet.ail(name, "v2-fails-slowly")
    with Load(fleet.url):
        done = fleet.mobius("deploy", "--tag", "v2", "--canary-hosts", "1", expect=12)
        assert "web1" in done.out + done.err, str(done)
        assert fleet.answers() == {f"v1 {name}" for name in HOSTS}
