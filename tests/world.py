"""A whole environment in memory, with releases that behave as scripted, and a switch to kill whoever acts.

world = World()
world.deploy("v1")
world.scripts["v2"] = Script(bad_after=3)
run = world.deploy("v2")            # run.state is ROLLED_BACK, world.live_tag is "v1"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mobius.adapters.backups.memory import MemoryBackups
from mobius.adapters.checks.memory import bad, good
from mobius.adapters.clocks.memory import MemoryClock
from mobius.adapters.databases.memory import MemoryMigrations
from mobius.adapters.journals.memory import MemoryJournal
from mobius.adapters.launchers.memory import MemoryLauncher
from mobius.adapters.locks.memory import MemoryLock
from mobius.adapters.releases.memory import MemoryReleases
from mobius.adapters.targets.memory import MemoryTarget
from mobius.adapters.traffic.memory import MemoryTraffic
from mobius.errors import MobiusError
from mobius.flows.begin import begin
from mobius.flows.carry_on import carry_on
from mobius.flows.plan import plan_deploy
from mobius.flows.plan_return import plan_rollback
from mobius.flows.restart import plan_restart
from mobius.model.baseline import Baseline
from mobius.model.plan import Plan
from mobius.model.release import Release, ReleaseState
from mobius.model.run import Event, Holder, Run
from mobius.model.sample import Sample
from mobius.model.settings import (
    BackupSettings,
    EnvironmentSettings,
    GateCommand,
    HealthSettings,
    MigrationSettings,
    MonitorSettings,
    ProcessSettings,
)
from mobius.model.verdict import CheckResult
from mobius.ports import Migration, NoSpool, Ports, Source, Spool

LIVE = "memory://live"
WEB = ProcessSettings("api", ("serve",))
WORKER = ProcessSettings("mailer", ("mail",), kind="worker")
CRON = ProcessSettings("cron", ("tick",), kind="singleton")
TITLES = Migration("002", "002_titles", "22" * 32)

SETTINGS = EnvironmentSettings(
    name="production",
    url=LIVE,
    root=Path("/memory"),
    window_s=7200.0,
    processes=(WEB, WORKER, CRON),
    health=HealthSettings(successes=2, interval_s=1.0, deadline_s=10.0, min_healthy_s=1.0),
    checks=(GateCommand("lint", ("lint",)),),
    backup=BackupSettings(paths=("data",)),
    migrations=MigrationSettings(database="data/app.db"),
    monitor=MonitorSettings(interval_s=900.0),
)


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


# What each port can change. A kill may come after any of these, which is also just before the next one.
EFFECTS: Mapping[str, frozenset[str]] = {
    "journal": _names(
        "open_run take_over move begin done failed say add_samples"
        " put_release mark_live set_release_state put_backup adopt raise_token"
    ),
    "releases": _names("stage configure register point_to remove"),
    "target": _names("prepare start stop restart leave_out put_right take_back_in"),
    "traffic": _names("switch switch_hosts drain hold release_hold"),
    "checks": _names("gate health smoke"),
    "backups": _names(
        "create verify rehearse prepare_data restore_data take_back_data restore_release let_go prune"
    ),
    "migrations": _names("apply down"),
    "store": _names("create replace remove"),
    "launcher": _names("launch"),
    "commands": _names("run end"),
    "spool": _names("raise_epoch begin carry_on settle"),
}


Effect = Callable[[str, tuple[Any, ...]], bool]


class Killed(BaseException):
    """kill -9: nothing catches it, and nothing more is done."""


@dataclass(frozen=True, slots=True)
class Script:
    """How a release behaves. `bad_after` and `blind_after` count looks of the window."""

    healthy: bool = True
    smoke: bool = True
    live_smoke: bool = True
    bad_after: int | None = None
    blind_after: int | None = None
    errors: int = 0  # of 100 requests, while its probes are good


@dataclass
class World:
    """`ports` are what flows get. Everything behind them outlives any number of killed runners."""

    settings: EnvironmentSettings = SETTINGS
    scripts: dict[str, Script] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=lambda: {"rows": ["first"]})
    baselines: dict[str, Baseline] = field(default_factory=dict)  # by signal, of whatever was live before
    held_against: list[str] = field(default_factory=list)  # whose baseline was asked for
    requests: int = 1000  # between two looks of a canary, all in all
    kill_after: int | None = None  # the runner dies after this many more effects
    break_step: str = ""  # the next effect inside this step fails, once
    journal_down: bool = False  # nothing can be written: the disk is full
    spool: Spool = field(default_factory=NoSpool)
    interruptions: list[tuple[Effect, Callable[[], object]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = MemoryClock()
        self.journal = MemoryJournal()
        self.lock = MemoryLock()
        self.target = MemoryTarget()
        self.traffic = MemoryTraffic(lambda: {p.slot for p in self.target.processes()} | {"blue", "green"})
        self.releases = MemoryReleases(
            {tag: _source(tag) for tag in ("v1", "v2", "v3")}, self.settings.processes
        )
        self.backups = MemoryBackups(self.data, self.releases, self.clock)
        self.migrations = MemoryMigrations(self.data)
        self.migrations.offered = {"v2": (TITLES,), "v3": (TITLES,)}
        self.launcher = MemoryLauncher()
        self.gates: dict[str, CheckResult] = {}
        self.looks: dict[str, int] = {}
        self.log: list[str] = []
        self.reports: list[tuple[str, dict[str, str]]] = []
        self.artifacts: dict[str, str] = {}
        self.effects: list[str] = []
        self.disk_full = False
        self.step = ""

    # What a person does

    def plan(self, tag: str, **asked: Any) -> Plan:
        """The plan of deploying this tag now."""
        return plan_deploy(tag, self.ports, tool_version="0", **asked)

    def begin(self, plan: Plan) -> Run:
        """The run, written down and launched; nothing has run yet."""
        return begin(plan, self.ports, lead="ann")

    def deploy(self, tag: str) -> Run:
        """The whole deployment, to the end of its window. A kill comes out as `Killed`."""
        return self.carry_on(self.begin(self.plan(tag)))

    def restart(self, **asked: Any) -> Run:
        """The whole restart, to the end of its window."""
        return self.carry_on(self.begin(plan_restart(self.ports, tool_version="0", **asked)))

    def rollback(self, **asked: Any) -> Run:
        """The whole rollback, to the end of its window."""
        return self.carry_on(self.begin(plan_rollback(self.ports, tool_version="0", **asked)))

    def carry_on(self, run: Run) -> Run:
        """What a new runner does."""
        return carry_on(run.id, self.ports)

    def die_after(self, effects: int | None) -> None:
        """The next runner is killed after so many effects."""
        self.kill_after = effects

    def lose_journal(self) -> None:
        """Somebody removed the journal's file; whoever opens it next begins an empty one."""
        self.journal = MemoryJournal()

    # How things stand

    @property
    def live_tag(self) -> str:
        """The tag that traffic goes to, "" when it goes to nothing that runs."""
        slots = [slot for slot, weight in self.traffic.weights().items() if weight]
        return tag_of(self.release_in(slots[0])) if slots else ""

    def release_in(self, slot: str) -> str:
        """The release whose web process runs in the slot."""
        web = (p.release_id for p in self.target.processes() if p.slot == slot and p.kind == "web")
        return next(web, "")

    def state_of(self, tag: str) -> ReleaseState | None:
        """What the journal says of the release."""
        known = self.journal.releases(self.settings.name)
        return next((release.state for release in known if release.tag == tag), None)

    def working_tags(self) -> set[str]:
        """The tags whose workers and singletons run."""
        return {tag_of(p.release_id) for p in self.target.processes() if p.kind != "web"}

    def web_tags(self) -> set[str]:
        """The tags whose web processes run."""
        return {tag_of(p.release_id) for p in self.target.processes() if p.kind == "web"}

    def events(self, run: Run, kind: str) -> list[Event]:
        """What the run told, of one kind."""
        return [event for event in self.journal.events(run_id=run.id) if event.kind == kind]

    def assert_serves(self, tag: str) -> None:
        """One release is live, and everything that can be asked says that it is this one."""
        assert self.live_tag == tag
        assert self.working_tags() == ({tag} if tag else set())
        assert tag_of(self.releases.current()[0]) == tag
        live = [r.tag for r in self.journal.releases(self.settings.name) if r.state is ReleaseState.LIVE]
        assert live == ([tag] if tag else [])
        assert all(most == 1 for most in self.target.most_alive.values()), "two of a worker ran at once"
        assert not self.traffic.held
        assert all(times == 1 for times in self.migrations.done.values()), "a migration was applied twice"
        kinds = [(a.record.run_id, a.record.kind) for a in self.backups.archives]
        assert len(kinds) == len(set(kinds)), "a second backup of one run"
        self.journal.verify_chain()

    # What flows see

    @property
    def ports(self) -> Ports:
        """Ports as a new process would have them."""
        return Ports(
            settings=self.settings,
            service="dhash",
            clock=self.clock,
            journal=_hooked("journal", self.journal, self),
            lock=self.lock,
            releases=_hooked("releases", self.releases, self),
            target=_hooked("target", self.target, self),
            traffic=_hooked("traffic", self.traffic, self),
            signals=lambda release: _Signals(self),
            signals_beside=lambda new, before: _SideBySide(self, new, before),
            checks=_hooked("checks", _Checks(self), self),
            backups=_hooked("backups", self.backups, self),
            migrations=_hooked("migrations", self.migrations, self) if self.settings.migrations else None,
            launcher=_hooked("launcher", self.launcher, self),
            holder=lambda: Holder("ann", "box", 4711, self.clock.now()),
            redact=lambda words: words,
            deployment_log=self._log,
            artifact=self._artifact,
            baselines=self._before,
            quality_report=self._keep_report,
            spool=_hooked("spool", self.spool, self),
        )

    def _keep_report(self, suite: str, results: Sequence[CheckResult], at: float) -> None:
        self.reports.append((suite, {one.name: str(one.outcome) for one in results}))

    def _before(self, release_id: str, until: float) -> dict[str, Baseline]:
        self.held_against.append(tag_of(release_id))
        return self.baselines

    def _log(self, line: str) -> None:
        self._refuse_full_disk()
        self.log.append(line)

    def _artifact(self, name: str, text: str) -> Path:
        self._refuse_full_disk()
        self.artifacts[name] = text
        return Path(name)

    def _refuse_full_disk(self) -> None:
        if self.disk_full:
            raise OSError(28, "No space left on device")

    def script(self, release_id: str) -> Script:
        """How this release behaves."""
        return self.scripts.get(tag_of(release_id), Script())

    def interrupt(self, effect: Effect, act: Callable[[], object]) -> None:
        """`act` happens once, at the last moment before the first effect that `effect` recognises."""
        self.interruptions.append((effect, act))

    def before(self, port: str, name: str, args: tuple[Any, ...]) -> None:
        """Fails the effect of the step that is to break, once, and every write to a journal that is down."""
        for one in [one for one in self.interruptions if one[0](f"{port}.{name}", args)]:
            self.interruptions.remove(one)
            one[1]()
        if port == "journal":
            if self.journal_down:
                raise MobiusError("the journal cannot be written: the disk is full", "free space")
            if name == "begin":
                self.step = args[1].id
        elif self.break_step and self.break_step == self.step:
            if (port, name) != ("checks", "smoke"):  # smoke tests are asked twice
                self.break_step = ""
            raise MobiusError("it broke", "mend it")

    def after(self, port: str, name: str) -> None:
        """Counts an effect, and kills the runner when it was the last one it may have."""
        self.effects.append(f"{port}.{name}")
        if self.kill_after is not None:
            self.kill_after -= 1
            if self.kill_after <= 0:
                self.kill_after = None
                raise Killed


@dataclass
class _Hooked:
    """A port whose effects pass by the world, before and after."""

    port: str
    inner: Any
    world: World

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        return self._passing_by(name, value) if name in EFFECTS[self.port] else value

    def _passing_by(self, name: str, value: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                self.world.before(self.port, name, args)
            except MobiusError as problem:
                if self.port != "checks":
                    raise
                broken = bad(name, problem.message)
                return (broken,) if name == "smoke" else broken
            answer = value(*args, **kwargs)
            self.world.after(self.port, name)
            return answer

        return call


def _hooked(name: str, port: Any, world: World) -> Any:
    return _Hooked(name, port, world)


@dataclass
class _Checks:
    world: World

    def health(self, base_url: str) -> CheckResult:
        return good() if self.world.script(self._release(base_url)).healthy else bad()

    def health_of_each(self, base_urls: Sequence[str]) -> tuple[CheckResult, ...]:
        return tuple(self.health(url) for url in base_urls)

    def smoke(self, base_url: str) -> tuple[CheckResult, ...]:
        script = self.world.script(self._release(base_url))
        fine = script.live_smoke if base_url == LIVE else script.smoke
        return (good("front page"), good("search") if fine else bad("search"))

    def gate(self, name: str) -> CheckResult:
        return self.world.gates.get(name, good(name))

    def _release(self, base_url: str) -> str:
        slot = base_url.removeprefix("memory://")
        if base_url == LIVE:
            slot = next(iter(self.world.traffic.weights()), "")
        return self.world.release_in(slot)


@dataclass
class _SideBySide:
    """What both releases of a canary answer, each its share of the requests."""

    world: World
    new: Release
    before: Release

    def sample(self, now: float) -> tuple[Sample, ...]:
        world = self.world
        tag = self.new.tag
        looks = world.looks[tag] = world.looks.get(tag, 0) + 1
        script = world.scripts.get(tag, Script())
        if script.blind_after is not None and looks > script.blind_after:
            missing = "too many open files here"
            return tuple(Sample(signal, now, missing=missing) for signal in ("probe", "traffic", "control"))
        good = not (script.bad_after is not None and looks > script.bad_after)
        shares = world.traffic.weights()
        new, old = (world.requests * shares[release.slot] // 100 for release in (self.new, self.before))
        return (
            Sample("probe", now, ok=good, note="" if good else "[status == 200] was 503"),
            Sample("traffic", now, requests=new, errors=new * script.errors // 100 if good else new),
            Sample("control", now, requests=old, errors=old // 1000),
        )


@dataclass
class _Signals:
    """The probe and the traffic of whatever is live at that moment, as real ones would measure."""

    world: World

    def sample(self, now: float) -> tuple[Sample, ...]:
        world = self.world
        tag = world.live_tag
        looks = world.looks[tag] = world.looks.get(tag, 0) + 1
        script = world.scripts.get(tag, Script())
        if script.blind_after is not None and looks > script.blind_after:
            return (Sample("probe", now, missing="too many open files here"),)
        if not tag or (script.bad_after is not None and looks > script.bad_after):
            return (
                Sample("probe", now, ok=False, note="[status == 200] was 503"),
                Sample("traffic", now, requests=100, errors=40),
            )
        counted = Sample("traffic", now, requests=100, errors=script.errors)
        return (Sample("probe", now, ok=True, value=5.0), counted)


def tag_of(release_id: str) -> str:
    """`v2` of `v2-1a2b3c4d`."""
    return release_id.split("-")[0]


def without_data() -> EnvironmentSettings:
    """An environment of web processes only, with nothing to back up or migrate."""
    return replace(SETTINGS, backup=BackupSettings(), migrations=None, processes=(WEB,))


def released(world: World, tag: str) -> Release:
    """The release of the tag, as the journal has it."""
    return next(r for r in world.journal.releases(world.settings.name) if r.tag == tag)


def _source(tag: str) -> Source:
    return Source(tag, f"commit-{tag}", f"digest-{tag}", dirty=False, branch="main")
