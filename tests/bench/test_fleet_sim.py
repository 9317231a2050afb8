"""The real flows on simulated hosts: what holds whatever dies, and what must not grow with the number of hosts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bench.fleet_clock import SimulatedClock
from bench.fleet_cost import measure
from bench.fleet_faults import SMALL, Broken, Story, in_memory_folder, judge, live_through
from bench.fleet_network import Outage
from bench.fleet_world import FleetWorld

from mobius.model.fleet import FleetSettings
from mobius.model.run import Run


@pytest.fixture
def folder() -> Iterator[Path]:
    with in_memory_folder() as made:
        yield made


@pytest.fixture
def world(folder: Path) -> FleetWorld:
    """v1 is live on four hosts, one of which may fail."""
    made = FleetWorld(folder, 4, fleet=FleetSettings(failure_budget=1), conditions=SMALL, interval_s=60.0)
    made.deploy("v1")
    return made


@pytest.mark.parametrize("seed", range(10))
def test_whatever_dies_is_cut_off_or_killed_every_host_is_known_and_none_serves_what_nobody_knows(
    seed: int,
) -> None:
    live_through(seed, 10, 0.15)


def test_workers_side_by_side_take_as_long_as_the_last_of_them() -> None:
    clock = SimulatedClock()
    with clock.side_by_side(2) as pool:
        list(pool.map(clock.wait, [5.0, 1.0, 1.0, 1.0]))
    assert clock.at == 5.0
    with clock.side_by_side(2) as pool:
        list(pool.map(clock.wait, [5.0, 1.0, 1.0, 4.0]))
    assert clock.at == 11.0


def test_a_way_back_is_one_switch_without_batches_and_pauses() -> None:
    cost = measure(12, 2, pause_s=30.0)
    assert cost.deploy.seconds > 5 * 30
    assert max(cost.rollback.moved_s, cost.emergency.moved_s, cost.cold.moved_s) < 30


def test_a_host_is_not_asked_more_often_because_there_are_more_batches() -> None:
    few, many = measure(12, 12), measure(12, 1)
    assert many.deploy.questions <= few.deploy.questions + 4  # looks while the last ones come up
    assert many.rollback.questions == few.rollback.questions


def test_a_host_that_is_left_out_gets_no_requests_from_that_moment_on(world: FleetWorld) -> None:
    slot = next(slot for slot in ("blue", "green") if world.haproxy.servers[f"{slot}-web0001"].share)
    host = world.network.hosts["web0002"]
    host.outages.append(Outage(world.clock.at, world.clock.at + 1000, "cut"))
    world.target.point_to("v1", "")
    shares = {name: world.haproxy.servers[f"{slot}-{name}"].share for name in world.network.hosts}
    assert shares == {"web0001": 100, "web0002": 0, "web0003": 100, "web0004": 100}


def test_the_stories_notice_requests_that_go_to_a_host_where_nothing_runs(world: FleetWorld) -> None:
    judge(world, _run(world), Story(0, 4, "deploy", 0))
    world.haproxy.servers["green-web0003"].admin = world.haproxy.servers["blue-web0003"].admin = 0
    with pytest.raises(Broken, match=r"requests go to \['web0003'\], where nothing runs"):
        judge(world, _run(world), Story(0, 4, "deploy", 0))


def test_the_stories_notice_a_host_that_still_obeys_the_killed_deployer(world: FleetWorld) -> None:
    story = Story(0, 4, "deploy", 0, took_over=True)
    judge(world, _run(world), story)
    world.network.hosts["web0004"].memory.told["epoch"] = 0
    with pytest.raises(Broken, match="web0004 would still obey the killed deployer"):
        judge(world, _run(world), story)


def test_the_stories_notice_another_release_than_the_live_one(world: FleetWorld) -> None:
    run = world.deploy("v2")
    before = world.journal.runs("production")[1].plan.release_id
    for one in world.network.hosts["web0002"].memory.seen.values():
        one["release"] = before
    with pytest.raises(Broken, match="serve, live is"):
        judge(world, replace(run), Story(0, 4, "deploy", 0))


def _run(world: FleetWorld) -> Run:
    return world.journal.runs("production", 1)[0]
