"""A whole environment on a simulated fleet: the real flows, target, traffic, releases and journal; in memory and in a
simulated clock only what is beyond them: the lines to the hosts, the hosts, HAProxy's socket, probes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.fleet_network import Conditions, Killed, Network, WatchEnded
from mobius.adapters.backups.memory import MemoryBackups
from mobius.adapters.checks.http import HOSTS_AT_ONCE
from mobius.adapters.checks.memory import bad, good
from mobius.adapters.fleet.hosts import Hosts
from mobius.adapters.fleet.releases import FleetReleases
from mobius.adapters.journals.memory import MemoryJournal
from mobius.adapters.launchers.memory import MemoryLauncher
from mobius.adapters.locks.memory import MemoryLock
from mobius.adapters.places import Places
from mobius.adapters.releases.memory import MemoryReleases
from mobius.adapters.releases.sources import origin_of
from mobius.adapters.targets.fleet import FleetTarget
from mobius.adapters.traffic.fleet import FleetTraffic
from mobius.adapters.traffic.haproxy_memory import MemoryHaproxy, Words
from mobius.flows.begin import begin
from mobius.flows.carry_on import carry_on
from mobius.flows.plan import plan_deploy
from mobius.flows.plan_return import plan_rollback
from mobius.model.fleet import FleetSettings, HostSettings
from mobius.model.haproxy import SLOTS, haproxy_place, server_name
from mobius.model.run import Holder, Run
from mobius.model.sample import Sample
from mobius.model.settings import (
    EnvironmentSettings,
    HealthSettings,
    MonitorSettings,
    ProcessSettings,
    ReleaseSettings,
)
from mobius.model.verdict import CheckResult
from mobius.ports import Journal, Ports

LIVE = "http://shop.example"
PORT = 9000
HAPROXY_S, ROW_S = (
    0.002,
    0.00001,
)  # an exchange, and each row of each table (2,000 rows: 40 ms in all, measured)
TAGS = ("v1", "v2", "v3", "v4")


@dataclass
class FleetWorld:
    """`run_on` hosts; everything behind the ports outlives any number of killed deployers. `bad`: tags whose release
    never gets healthy; `worse`: those that answer their checks and fail one request in five."""

    folder: Path
    size: int
    seed: int = 0
    fleet: FleetSettings = field(default_factory=FleetSettings)
    conditions: Conditions = field(default_factory=Conditions)
    journal: Journal = field(default_factory=MemoryJournal)
    window_s: float = 300.0
    interval_s: float = 30.0
    bad: set[str] = field(default_factory=set)
    worse: set[str] = field(default_factory=set)
    kill_after: int | None = None  # the deployer is killed after so many questions, answers and exchanges
    looks: int | None = None  # the deployer is killed after so many looks at the open window
    haproxy_asked: int = 0
    effects: int = 0
    told_at: float = 0.0  # when HAProxy was last told to send requests elsewhere

    def __post_init__(self) -> None:
        names = [f"web{number:04}" for number in range(1, self.size + 1)]
        self.network = Network(names, self.seed, self.conditions, self.fleet.max_parallel)
        self.network.next_effect = self._count
        self.clock = self.network.clock
        self.settings = EnvironmentSettings(
            "production",
            LIVE,
            self.folder / "root",
            target="ssh",
            window_s=self.window_s,
            release=ReleaseSettings(source=str(self.folder / "releases" / "{tag}")),
            processes=(ProcessSettings("web", ("sh", "serve")),),
            health=HealthSettings(),
            monitor=MonitorSettings(interval_s=self.interval_s),
            hosts=tuple(HostSettings(name, f"deploy@{name}", PORT) for name in names),
            fleet=self.fleet,
        )
        for tag in TAGS:
            (self.folder / "releases" / tag).mkdir(parents=True)
            (self.folder / "releases" / tag / "release.txt").write_text(tag)
        self.place = haproxy_place("shop", self.settings)
        self.haproxy = MemoryHaproxy("shop", self.place.servers, self._haproxy_takes)
        self.lock = MemoryLock()
        self.launcher = MemoryLauncher()
        self.backups = MemoryBackups({}, MemoryReleases({}, ()), self.clock)
        self.ports = self.new_process()

    # -- what people do --------------------------------------------------------------------------------------

    def deploy(self, tag: str) -> Run:
        """To the end of its window. A kill comes out as `Killed`."""
        return self.carry_on(self.begin(tag))

    def begin(self, tag: str) -> Run:
        """The run, written down."""
        return begin(plan_deploy(tag, self.ports, tool_version="0"), self.ports, lead="ann")

    def begin_rollback(self, *, emergency: bool = False) -> Run:
        """The same of a way back; what is warm has moved already."""
        return begin(plan_rollback(self.ports, tool_version="0", emergency=emergency), self.ports, lead="ann")

    def carry_on(self, run: Run) -> Run:
        """What a runner does."""
        return carry_on(run.id, self.ports)

    # -- what is there ---------------------------------------------------------------------------------------

    def new_process(self) -> Ports:
        """Ports as a new process has them: no line is open, and no token known."""
        places = Places(self.folder, self.settings.root)
        self.hosts = Hosts(
            self.settings.hosts,
            self.fleet,
            places.root / "run",
            self.clock,
            lambda host: self.network.line_to(host.name),
            self.clock.side_by_side,
        )
        self.target = target = FleetTarget(self.settings, places, {}, self.hosts)
        traffic = FleetTraffic(self.place, places.root, self.hosts, target, self.clock, self.haproxy)
        origin = origin_of(self.settings.release.source, self.folder, (places.root,))
        self.ports = Ports(
            settings=self.settings,
            service="shop",
            clock=self.clock,
            journal=self.journal,
            lock=self.lock,
            releases=FleetReleases(target, places, self.settings.release, self.settings.processes, origin),
            target=target,
            traffic=traffic,
            signals=lambda release: _Signals(self),
            checks=_Checks(self),
            backups=self.backups,
            migrations=None,
            launcher=self.launcher,
            holder=lambda: Holder("ann", "controller", 4711, self.clock.now()),
            redact=str,
            deployment_log=lambda line: None,
            artifact=lambda name, text: Path(name),
        )
        return self.ports

    def at(self, url: str) -> tuple[str, str]:
        """Host and slot behind an address of a slot."""
        host, _, port = url.removeprefix("http://").partition(":")
        return host, SLOTS[(int(port) - PORT) % 2]

    def answers(self, host: str, slot: str) -> bool:
        """Whether what runs there answers as it shall."""
        there = self.network.hosts[host]
        release_id = there.release_in(slot)
        is_up = bool(release_id) and self.clock.at >= there.up_at.get(slot, 0.0)
        return is_up and there.outage(self.clock.at) is None and tag_of(release_id) not in self.bad

    def serving(self) -> dict[str, list[str]]:
        """Release id to the hosts that give it to users now, as HAProxy and the hosts have it."""
        found: dict[str, list[str]] = {}
        for name, host in self.network.hosts.items():
            for slot in SLOTS:
                outage = host.outage(self.clock.at)
                is_off = outage is not None and outage.kind == "off"
                if self.haproxy.servers[server_name(slot, name)].share and not is_off:
                    found.setdefault(host.release_in(slot), []).append(name)
        return found

    def _haproxy_takes(self, commands: Sequence[Words]) -> None:
        self._count()
        self.haproxy_asked += 1
        if any(command[0] == "set" for command in commands):
            self.told_at = self.clock.at
        tables = sum(command[0] == "show" and command[1] in ("stat", "servers") for command in commands)
        self.clock.wait(HAPROXY_S + tables * len(self.haproxy.servers) * ROW_S)

    def _count(self) -> None:
        self.effects += 1
        if self.kill_after is not None:
            self.kill_after -= 1
            if self.kill_after <= 0:
                self.kill_after = None
                raise Killed


@dataclass
class _Checks:
    world: FleetWorld

    def health(self, base_url: str) -> CheckResult:
        world = self.world
        world.clock.wait(1.5 * world.network.travels(world.conditions.round_trip_s))
        if base_url == LIVE:
            return good() if world.serving() else bad()
        host, slot = world.at(base_url)
        if world.network.hosts[host].outage(world.clock.at):
            world.clock.wait(world.settings.health.timeout_s)
            return bad("health", "no answer within 2 s")
        return good() if world.answers(host, slot) else bad()

    def health_of_each(self, base_urls: Sequence[str]) -> tuple[CheckResult, ...]:
        with self.world.clock.side_by_side(HOSTS_AT_ONCE) as pool:
            return tuple(pool.map(self.health, base_urls))

    def smoke(self, base_url: str) -> tuple[CheckResult, ...]:
        return (replace(self.health(base_url), name="front page"),)

    def gate(self, name: str, file: str = "") -> CheckResult:
        return good(name)


@dataclass
class _Signals:
    world: FleetWorld

    def sample(self, now: float) -> tuple[Sample, ...]:
        if self.world.looks is not None:
            self.world.looks -= 1
            if self.world.looks < 0:
                raise WatchEnded
        serving = self.world.serving()
        hosts = sum(map(len, serving.values()))
        if not hosts:
            return (Sample("probe", now, ok=False, note="503"),)
        failing = sum(
            len(names) for release_id, names in serving.items() if tag_of(release_id) in self.world.worse
        )
        traffic = Sample("traffic", now, requests=1000, errors=200 * failing // hosts)
        return (Sample("probe", now, ok=True, value=5.0), traffic)


def tag_of(release_id: str) -> str:
    """`v2` of `v2-1a2b3c4d`."""
    return release_id.split("-")[0]
