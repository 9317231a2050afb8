"""What is left of a fleet when hosts die, lines are cut and the deployer is killed: one story for each seed, and what
has to hold after each of them, whatever happened."""

from __future__ import annotations

import contextlib
import random
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.fleet_network import Conditions, Killed, Outage, WatchEnded
from bench.fleet_world import FleetWorld, tag_of
from mobius.errors import GateFailed, GateUnknown, MobiusError
from mobius.flows.by_hand import abort
from mobius.model.fleet import FleetSettings
from mobius.model.haproxy import SLOTS, server_name
from mobius.model.release import ReleaseState
from mobius.model.run import Run, RunState

ACTS = ("deploy", "deploy bad", "deploy worse", "rollback", "emergency")
FOR_GOOD = 1e12
LOOKS = 20  # at the two hours after a way back
SMALL = Conditions(release_bytes=1 << 20)
SETTLED = (
    RunState.ACCEPTED,
    RunState.ROLLED_BACK,
    RunState.REFUSED,
    RunState.INCONCLUSIVE,
    RunState.OBSERVING,
)


class Broken(AssertionError):
    """Something that has to hold does not."""


@dataclass
class Story:
    """What happened with one seed."""

    seed: int
    size: int
    act: str
    hit: int  # hosts that died or were cut off
    was_killed: bool = False
    took_over: bool = False
    ended: str = ""
    again: str = ""  # how the deployment afterwards went
    out: list[str] = field(default_factory=list)  # hosts that are not part of the fleet in the end


def live_through(seed: int, size: int, share: float, act: str = "") -> Story:
    """One story, with this share of the hosts dying or cut off meanwhile. Raises `Broken` where anything is not as it
    has to be afterwards."""
    chance = random.Random(seed)
    act = act or chance.choice(ACTS)
    with in_memory_folder() as folder:
        budget = chance.choice([0, max(1, size // 10), size // 2])
        fleet = FleetSettings(max_parallel=max(2, size // chance.choice([2, 5, 10])), failure_budget=budget)
        world = FleetWorld(folder, size, seed, fleet, SMALL, window_s=300.0, interval_s=60.0)
        _must(world.deploy("v1").state is RunState.ACCEPTED, world, "v1 is not live to begin with")
        if act in ("rollback", "emergency"):
            _leave_a_window_open(world)
        world.bad, world.worse = (
            {"deploy bad": {"v2"}}.get(act, set()),
            {"deploy worse": {"v2"}}.get(act, set()),
        )
        story = Story(seed, size, act, _strike(world, chance, share))
        run = _act(world, story, chance)
        world.kill_after = None
        story.ended = str(run.state) if run else "refused before anything"
        judge(world, run, story)
        _afterwards(world, story)
        return story


@contextlib.contextmanager
def in_memory_folder() -> Iterator[Path]:
    """A folder that costs no disk where there is such a one; gone afterwards."""
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="mobius-fleet-", dir=shared if shared.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _leave_a_window_open(world: FleetWorld) -> None:
    """v2 has all requests, its deployer is gone, and v1 is warm."""
    world.looks = 0
    with contextlib.suppress(WatchEnded):
        world.deploy("v2")
    world.looks = LOOKS
    world.new_process()


def _strike(world: FleetWorld, chance: random.Random, share: float) -> int:
    """These hosts have a bad time of it, most of them for a while, some for good."""
    struck = [name for name in world.network.hosts if chance.random() < share]
    for name in struck:
        begin = world.clock.at + chance.uniform(0.0, 60.0)
        lasts_s = FOR_GOOD if chance.random() < 0.2 else chance.uniform(5.0, 300.0)
        kind: Literal["off", "cut"] = "off" if chance.random() < 0.5 else "cut"
        world.network.hosts[name].outages.append(Outage(begin, begin + lasts_s, kind))
    return len(struck)


def _act(world: FleetWorld, story: Story, chance: random.Random) -> Run | None:
    """Does it, killed somewhere every other time, and carried on by another deployer. None: refused before anything."""
    if chance.random() < 0.5:
        world.kill_after = chance.randrange(1, 30 * story.size)
    try:
        return _watched(
            world, world.begin("v2") if story.act.startswith("deploy") else _go_back(world, story)
        )
    except (GateFailed, GateUnknown):
        return None
    except Killed:
        story.was_killed = True
    world.new_process()
    world.launcher.launched.clear()
    world.clock.wait(chance.uniform(1.0, 120.0))
    left = world.journal.active_run("production")
    if left is None:
        return next(iter(world.journal.runs("production", 1)), None)
    story.took_over = True
    return _watched(world, left)


def _watched(world: FleetWorld, run: Run) -> Run:
    """To its end, or to where nobody looks on any more."""
    try:
        return world.carry_on(run)
    except WatchEnded:
        return world.journal.run(run.id)


def _go_back(world: FleetWorld, story: Story) -> Run:
    return world.begin_rollback(emergency=story.act == "emergency")


def judge(world: FleetWorld, run: Run | None, story: Story) -> None:
    """Every host is known, and none serves what nobody knows."""
    where = f"seed {story.seed}, {story.size} hosts, {story.act}, run {story.ended}"
    releases = {release.id: release for release in world.journal.releases("production")}
    live = [one.id for one in releases.values() if one.state is ReleaseState.LIVE]
    seen, absent = world.ports.target.hosts(), set(world.hosts.absent())
    for one in seen:
        host = world.network.hosts[one.name]
        if not one.is_reached:
            _must(one.why != "", world, f"{where}: {one.name} is not reached and nobody says why")
            continue
        truth = {slot: there["release"] for slot, there in host.memory.told["slots"].items()}
        _must(dict(one.slots) == truth, world, f"{where}: {one.name} runs {truth}, and {one.slots} is told")
    serving = world.serving()
    _must("" not in serving, world, f"{where}: requests go to {serving.get('')}, where nothing runs")
    _must(set(serving) <= set(releases), world, f"{where}: {set(serving)} serve, known are {set(releases)}")
    if run is None or run.state in SETTLED:
        _must(len(live) == 1, world, f"{where}: live are {live}")
        _must(set(serving) <= set(live), world, f"{where}: {serving} serve, live is {live}")
        for name in absent:
            shares = [world.haproxy.servers[server_name(slot, name)].share for slot in SLOTS]
            _must(not any(shares), world, f"{where}: {name} is out of the fleet and gets requests")
    if story.took_over and run is not None:
        for name in set(world.network.hosts) - absent:
            host = world.network.hosts[name]
            if host.outage(world.clock.at) is None and host.memory.told["slots"]:
                epoch = host.memory.told["epoch"]
                _must(epoch >= run.token, world, f"{where}: {name} would still obey the killed deployer")


def _afterwards(world: FleetWorld, story: Story) -> None:
    """Whoever comes back is put right by the next deployment; who does not is named."""
    world.looks = None
    ends = [o.end for h in world.network.hosts.values() for o in h.outages if o.end < FOR_GOOD]
    world.clock.wait(max([0.0, *(end - world.clock.at for end in ends)]) + 60.0)
    for host in world.network.hosts.values():
        if any(outage.kind == "off" for outage in host.outages):
            host.memory.boot()
    world.new_process()
    world.launcher.launched.clear()
    if world.journal.active_run("production") is not None:
        with contextlib.suppress(MobiusError):
            world.carry_on(abort(world.ports, who="ann"))
    gone = {n for n, h in world.network.hosts.items() if h.outage(world.clock.at) is not None}
    where = f"seed {story.seed}, {story.size} hosts, after {story.act} ({story.ended})"
    try:
        run = world.deploy("v3")
    except (GateFailed, GateUnknown) as no:
        told = " ".join([no.message, *no.details])
        story.again = "refused"
        _must(len(gone) > world.fleet.failure_budget, world, f"{where}: v3 is refused: {told}")
        _must(all(name in told for name in gone), world, f"{where}: not all of {gone} are named: {told}")
        return
    story.again = str(run.state)
    story.out = sorted(world.hosts.absent())
    _must(run.state is RunState.ACCEPTED, world, f"{where}: v3 {run.state}: {run.sentence}")
    _must(set(story.out) <= gone, world, f"{where}: {story.out} are out, {gone} do not answer")
    for name, host in world.network.hosts.items():
        if name not in gone:
            runs = {tag_of(host.release_in(slot)) for slot in SLOTS} - {""}
            _must(runs == {"v3"}, world, f"{where}: {name} runs {runs}")
    _must({tag_of(one) for one in world.serving()} == {"v3"}, world, f"{where}: {world.serving()} serve")


def _must(holds: bool, world: FleetWorld, otherwise: str) -> None:
    if not holds:
        told = [f"{event.at:.1f} {event.kind}: {event.message}" for event in world.journal.events()][-25:]
        raise Broken("\n".join([otherwise, *told]))
