"""What a deployment and the ways back of one simulated fleet take and cost the controller, with nothing going wrong."""

from __future__ import annotations

import contextlib
import resource
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.fleet_faults import in_memory_folder
from bench.fleet_network import WatchEnded
from bench.fleet_world import FleetWorld
from mobius.adapters.journals.sqlite import SqliteJournal
from mobius.errors import MobiusError
from mobius.model.fleet import FleetSettings
from mobius.model.run import Run


@dataclass(frozen=True)
class Act:
    """What one act took. `moved_s`: until HAProxy sent all requests to where they belong; `questions`: to each host;
    `cpu_s`: the controller's own."""

    seconds: float
    moved_s: float
    cpu_s: float
    questions: float
    haproxy: int
    journal_bytes: int


@dataclass(frozen=True)
class Cost:
    """One fleet: each act, and the most memory that the process had, the simulated hosts in it."""

    hosts: int
    max_parallel: int
    deploy: Act
    rollback: Act
    emergency: Act
    cold: Act
    status: Act
    peak_mib: float


def measure(hosts: int, max_parallel: int, *, pause_s: float = 0.0) -> Cost:
    """Deploys, goes back warm, warm in an emergency, and cold after a window has been accepted; then looks."""
    with in_memory_folder() as folder:
        journal = SqliteJournal(folder / "root" / "journal.db")
        fleet = FleetSettings(max_parallel=max_parallel, pause_s=pause_s, timeout_s=120.0)
        world = FleetWorld(folder, hosts, fleet=fleet, journal=journal, interval_s=60.0)
        world.deploy("v1")
        deploy = _took(world, lambda: _to_the_window(world, lambda: world.begin("v2")))
        rollback = _took(world, lambda: _to_the_window(world, world.begin_rollback))
        _to_the_window(world, lambda: world.begin("v3"))
        emergency = _took(world, lambda: _to_the_window(world, lambda: world.begin_rollback(emergency=True)))
        world.deploy("v4")  # accepted: what was before it is stopped
        cold = _took(world, lambda: _to_the_window(world, world.begin_rollback))
        world.new_process()
        status = _took(world, lambda: world.ports.target.hosts())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return Cost(hosts, max_parallel, deploy, rollback, emergency, cold, status, peak)


def _to_the_window(world: FleetWorld, begin: Callable[[], Run]) -> None:
    """From the command on, command and runner in processes of their own (no line is open), until its window is open."""
    world.new_process()
    run = begin()
    world.new_process()
    world.looks = 0
    with contextlib.suppress(WatchEnded):
        ended = world.carry_on(run)
        raise MobiusError(f"run {ended.id} {ended.state}: {ended.sentence}", "look at bench/fleet_cost.py")
    world.looks = None
    world.launcher.launched.clear()


def _took(world: FleetWorld, act: Callable[[], object]) -> Act:
    began, cpu_s, questions = world.clock.at, _cpu_s(world), _questions(world)
    told, journal = world.haproxy_asked, _journal_bytes(world)
    act()
    return Act(
        world.clock.at - began,
        max(0.0, world.told_at - began),
        _cpu_s(world) - cpu_s,
        (_questions(world) - questions) / world.size,
        world.haproxy_asked - told,
        _journal_bytes(world) - journal,
    )


def _cpu_s(world: FleetWorld) -> float:
    return time.process_time() - world.network.world_s


def _questions(world: FleetWorld) -> int:
    return sum(host.traffic.questions for host in world.network.hosts.values())


def _journal_bytes(world: FleetWorld) -> int:
    """Of all that is written in it, without what SQLite has in reserve."""
    with contextlib.closing(sqlite3.connect(world.folder / "root" / "journal.db")) as base:
        tables = [name for (name,) in base.execute("select name from sqlite_master where type = 'table'")]
        total = 0
        for table in tables:
            columns = [row[1] for row in base.execute(f"pragma table_info({table})")]
            sizes = " + ".join(f"coalesce(length(cast({column} as blob)), 0)" for column in columns)
            total += int(base.execute(f"select coalesce(sum({sizes}), 0) from {table}").fetchone()[0])
        return total
