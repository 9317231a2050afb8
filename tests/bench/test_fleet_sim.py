"""The real flows on simulated hosts: what holds whatever dies, and what must not grow with the number of hosts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import log10
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bench.common import RESULTS
from bench.fleet_clock import SimulatedClock
from bench.fleet_cost import measure
from bench.fleet_faults import SMALL, Broken, Story, in_memory_folder, judge, live_through
from bench.fleet_network import Outage
from bench.fleet_picture import INNER, PICTURE, TOP, picture
from bench.fleet_world import FleetWorld

from mobius.flows.plan import plan_deploy
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


def test_a_plan_of_many_hosts_names_those_that_do_not_answer_and_counts_the_others(folder: Path) -> None:
    world = FleetWorld(folder, 40, fleet=FleetSettings(failure_budget=1), conditions=SMALL)
    plan = plan_deploy("v1", world.ports, tool_version="0")
    told = {check.name: check.answer for check in plan.checks}
    assert told["fleet"] == "all 40 hosts answer"
    assert told["HAProxy's backend shop"].endswith("and 68 more, by weights")
    assert not [name for name in told if name.startswith("host ")]

    for name in ("web0007", "web0009"):
        world.network.hosts[name].outages.append(Outage(0.0, 1e9, "off"))
    plan = plan_deploy("v1", world.new_process(), tool_version="0")
    told = {check.name: check.outcome for check in plan.checks if check.name.startswith(("host ", "fleet"))}
    assert told == {"host web0007": "ERROR", "host web0009": "ERROR"}


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


def test_the_picture_is_drawn_from_the_newest_numbers() -> None:
    assert PICTURE.read_text(encoding="utf-8") == picture(RESULTS.read_text(encoding="utf-8"))


def test_the_picture_takes_the_fleet_with_the_most_hosts_at_once() -> None:
    page = """# Results

## fleet_sim

### today

| hosts | max_parallel | deployed | emergency | back, cold |
| ----- | -----------: | -------: | --------: | ---------: |
| 3     | 5 | 10 s | 1 s, all 2 s | 3 s, all 4 s |
| 1,000 | 5 | 11.0 min | 20 s, all 4.5 min | 3.0 min, all 6.0 min |
| 1,000 | 100 | 9.0 min | 20 s, all 30 s | 60 s, all 90 s |

| hosts | max_parallel | questions a host | back | CPU | back |
| ----- | -----------: | ---------------: | ---: | --: | ---: |
| 3     | 5 | 40 | 9 | 0.02 s | 0.01 s |
| 1,000 | 100 | 20 | 9 | 2.00 s | 0.70 s |

### before
"""
    drawn = ElementTree.fromstring(picture(page))
    lines = [one.get("points", "").split() for one in drawn.iter("{http://www.w3.org/2000/svg}polyline")]
    assert [len(points) for points in lines] == [2] * 6
    heights = sorted(float(points[-1].split(",")[1]) for points in lines[:4])
    assert heights == pytest.approx([TOP + INNER * (1 - log10(s) / 3) for s in (540, 90, 30, 20)], abs=0.1)


def _run(world: FleetWorld) -> Run:
    return world.journal.runs("production", 1)[0]
