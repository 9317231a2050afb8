"""An emergency that only the hosts remember: refused with what to do, carried into the journal, and everything goes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import pytest

from adapters.fleet.agents import line_to
from journeys.hosts.fleet_service import HOSTS, Fleet, a_fleet

pytestmark = pytest.mark.journey

TOKEN = (1 << 50) + 7


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with a_fleet(window="30m", fleet="failure_budget = 1") as made:
        for tag in ("v1", "v2"):
            made.add_release(tag)
        made.mobius("deploy", "--tag", "v1", "--detach", expect=0)
        made.mobius("accept", expect=0)
        for name in HOSTS:
            with contextlib.closing(line_to(made.host_root(name), name)) as line:
                line.ask("fence", token=TOKEN, by="ann@web9 (pid 12)", at=1_717_000_000.0, within_s=60.0)
        yield made


def test_a_fleet_whose_emergency_nobody_wrote_down_is_deployed_to_again(fleet: Fleet) -> None:
    refused = fleet.mobius("deploy", "--tag", "v2", "--detach", expect=10)
    said = " ".join(refused.err.split())
    assert f"seen token {TOKEN}, of an emergency of ann@web9 (pid 12) at 2024-05-29T16:26:40Z" in said
    assert 'mobius journal raise-token -e production --reason "TEXT"' in said
    before = fleet.mobius("audit", "log", "--json", expect=0).out
    for words in (
        ("plan", "--tag", "v2"),
        ("deploy", "--tag", "v2", "--dry-run"),
        ("restart", "--dry-run"),
    ):
        planned = fleet.mobius(*words, expect=3)
        shown = " ".join((planned.out + planned.err).split())
        assert f"have seen token {TOKEN}, of an emergency of ann@web9 (pid 12)" in shown, str(planned)
        assert 'mobius journal raise-token -e production --reason "TEXT"' in shown, str(planned)
    standing = fleet.mobius("status", expect=0)
    shown = " ".join(standing.out.split())
    assert f"have seen token {TOKEN}, of an emergency of ann@web9 (pid 12)" in shown
    assert standing.out.rstrip().endswith("mobius journal raise-token -e production --dry-run")
    dry = fleet.mobius("journal", "raise-token", "--dry-run", "--json", expect=0)
    told = json.loads(dry.out)
    assert (told["highest"]["token"], told["raised"], sorted(told["above"])) == (TOKEN, False, sorted(HOSTS))
    assert fleet.mobius("audit", "log", "--json", expect=0).out == before
    fleet.mobius("journal", "raise-token", "--yes", expect=2)  # without a reason
    done = fleet.mobius("journal", "raise-token", "--yes", "--reason", "web9 burned down", expect=0)
    assert "it is raised to that" in done.out
    assert "web9 burned down" in fleet.mobius("audit", "log", expect=0).out
    again = fleet.mobius("journal", "raise-token", "--yes", "--reason", "once more", expect=0)
    assert "nothing to raise" in again.out
    fleet.mobius("deploy", "--tag", "v2", "--detach", expect=0)
    assert fleet.answers() == {f"v2 {name}" for name in HOSTS}
    assert min(fleet.told(name)["epoch"] for name in HOSTS) > TOKEN
    fleet.mobius("audit", "verify", expect=0)
