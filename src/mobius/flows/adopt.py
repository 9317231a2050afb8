"""Taking over what already runs, and giving it back: every step may be repeated, so a kill -9 is only an interruption.

The service itself is never touched: it goes on as it runs. What changes are files, each kept before, and the proxy,
which is reloaded once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from mobius.errors import GateFailed, Locked, MobiusError
from mobius.flows.healthy import await_healthy
from mobius.flows.standing import Standing, standing
from mobius.model.adoption import Adoption, FileChange
from mobius.model.release import Release, ReleaseState
from mobius.model.run import PREEMPTIBLE, RunState
from mobius.model.verdict import Outcome
from mobius.ports import Note, Ports
from mobius.rules.adopting import undone
from mobius.rules.steps import BLUE

WITHIN_S = 20.0  # a reload of a proxy takes effect after the command is back
LOOK_EVERY_S = 0.2
DRAIN_S = 30.0


class KeptFile(Protocol):
    """One file as it was."""

    @property
    def path(self) -> str: ...

    @property
    def copy(self) -> str: ...


class Record(Protocol):
    """How far an adoption is."""

    @property
    def plan(self) -> Adoption: ...

    @property
    def files(self) -> tuple[KeptFile, ...]: ...

    @property
    def boot_links(self) -> Mapping[str, str]: ...

    @property
    def phase(self) -> str: ...

    @property
    def begun_at(self) -> float: ...


class Keeper(Protocol):
    """Keeps what must be given back, and says how far it is; each write is durable and whole."""

    def record(self) -> Any: ...

    def begin(self, plan: Adoption, boot_links: Mapping[str, str], now: float) -> Any: ...

    def mark(self, record: Any, phase: Any) -> Any: ...

    def end(self) -> None: ...

    def put(self, change: FileChange) -> None: ...

    def restore(self, kept: Any) -> None: ...

    def put_back(self, path: str, content: bytes) -> None: ...

    def put_aside(self, path: str) -> str: ...

    def content(self, path: str) -> bytes | None: ...


class Machine(Protocol):
    """The acts on this machine, each of which may be repeated. All raise `MobiusError`."""

    def is_active(self, unit: str) -> bool: ...

    def start(self, unit: str) -> None: ...

    def disable(self, unit: str, enabled: str) -> None: ...

    def link(self, links: Mapping[str, str]) -> None: ...

    def check_proxy(self, plan: Adoption) -> None: ...

    def reload_proxy(self, plan: Adoption) -> None: ...

    def reaches(self, plan: Adoption) -> str: ...

    def answers(self, plan: Adoption) -> bool: ...


class House(Protocol):
    """What is mobius's own of the environment: its ports, its units, what it knows of release 0."""

    @property
    def ports(self) -> Ports: ...

    def install(self) -> None: ...

    def uninstall(self) -> None: ...

    def register(self, plan: Adoption) -> Release: ...

    def open_up(self, plan: Adoption) -> None: ...

    def forget(self, plan: Adoption) -> None: ...


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside. `house` can be opened once mobius.toml is there; `counting` counts requests meanwhile."""

    keeper: Keeper
    machine: Machine
    house: Callable[[], House]
    now: Callable[[], float]
    wait: Callable[[float], None]
    tell: Callable[[str], None]
    counting: Callable[[], AbstractContextManager[None]]


def adopt(plan: Adoption, boot_links: Mapping[str, str], world: World) -> None:
    """Keeps every file, then takes over. On any failure everything is given back, byte for byte, and the failure is
    raised as a `MobiusError`."""
    world.tell("keeping every file as it is")
    finish(world.keeper.begin(plan, boot_links, world.now()), world)


def finish(record: Record, world: World) -> None:
    """Goes on from wherever it stopped."""
    try:
        _take_over(record, world)
    except (Exception, KeyboardInterrupt) as problem:  # whatever it was: half an adoption helps nobody
        why = (
            problem.message
            if isinstance(problem, MobiusError)
            else f"{type(problem).__name__} {problem}".strip()
        )
        world.tell(f"it did not work: {why}")
        try:
            _give_back(record, world)
        except MobiusError as worse:
            raise MobiusError(
                f"{record.plan.unit} was not adopted: {why}; and not all could be put back: {worse.message}",
                f"mend that, then mobius adopt --undo -e {record.plan.environment}",
                details=worse.details,
            ) from problem
        world.keeper.end()
        details = problem.details if isinstance(problem, MobiusError) else ()
        raise MobiusError(
            f"{record.plan.unit} was not adopted: {why}",
            "everything is as it was, byte for byte; mend that, then mobius adopt again",
            details=details,
        ) from problem


def _take_over(record: Record, world: World) -> None:
    plan = record.plan
    for change in plan.project_files:
        _put(change, world)
    house = world.house()
    world.tell("installing mobius's own units")
    house.install()
    with house.ports.lock.held():
        _register(plan, house, world)
        _turn_the_proxy(plan, house, world)
        world.machine.disable(plan.unit, plan.enabled)
        _remember(plan, house, world)
    world.keeper.mark(record, "adopted")


def _register(plan: Adoption, house: House, world: World) -> None:
    """Release 0 lies and runs where it is; mobius knows of it, and the front door reaches it."""
    ports = house.ports
    world.tell(f"{plan.release_id}: {plan.unit} as it runs, from {plan.tree}")
    release = house.register(plan)
    ports.target.prepare()
    processes = ports.releases.processes(release.id)
    ports.target.start(BLUE, release.id, ports.releases.path(release.id), processes)
    await_healthy(BLUE, release.id, ports)
    if not _is_told_later(plan):
        ports.traffic.switch({BLUE: 100})
    house.open_up(plan)
    if why_not := world.machine.reaches(plan):
        raise GateFailed(f"{plan.proxy} could not reach the service by {plan.root}/live/web.sock: {why_not}")


def _turn_the_proxy(plan: Adoption, house: House, world: World) -> None:
    for change in plan.proxy_files:
        _put(change, world)
    world.machine.check_proxy(plan)
    with world.counting():
        world.tell(f"reloading {plan.proxy}, once")
        world.machine.reload_proxy(plan)
        if _is_told_later(plan):
            _tell_proxy(house.ports, world)
        _await_answers(plan, house.ports, world, through_us=True)
    world.tell(f"{plan.url} answers through mobius")


def _is_told_later(plan: Adoption) -> bool:
    """HAProxy is told on its runtime API, which knows our servers only after the reload. Until then, and also if we
    die now, it sends everything to the service, as its file says."""
    return plan.proxy == "haproxy"


def _tell_proxy(ports: Ports, world: World) -> None:
    give_up_at = world.now() + WITHIN_S
    while True:
        try:
            ports.traffic.switch({BLUE: 100})
            return
        except MobiusError:
            if world.now() > give_up_at:
                raise
        world.wait(LOOK_EVERY_S)


def _put(change: FileChange, world: World) -> None:
    there = world.keeper.content(change.path)
    if there == change.after:
        return
    if there != change.before:
        raise GateFailed(f"{change.path} was changed meanwhile, by somebody else")
    world.tell(f"writing {change.path}")
    world.keeper.put(change)


def _await_answers(plan: Adoption, ports: Ports, world: World, *, through_us: bool) -> None:
    """Until requests to the service's own address go by our front door, or no more do, and are answered well."""
    give_up_at = world.now() + WITHIN_S
    told = ""
    while True:
        before = _requests(ports, through_us=through_us)
        result = ports.checks.health(ports.settings.url)
        if (
            result.outcome is Outcome.PASS
            and (_requests(ports, through_us=through_us) > before) == through_us
        ):
            return
        told = (
            result.message
            if result.outcome is not Outcome.PASS
            else f"{plan.proxy} answers, but {'past' if through_us else 'still through'} mobius"
        )
        if world.now() > give_up_at:
            raise GateFailed(f"{ports.settings.url} is not well after the reload: {told}")
        world.wait(LOOK_EVERY_S)


def _requests(ports: Ports, *, through_us: bool) -> int:
    """So many came by our front door so far."""
    try:
        return sum(each.requests for each in ports.traffic.counters().values())
    except MobiusError:
        if through_us:
            raise
        return 0  # there is no front door any more, or none yet


def _remember(plan: Adoption, house: House, world: World) -> None:
    ports, now = house.ports, world.now()
    name = ports.settings.name
    known = next((r for r in ports.releases.manifests() if r.id == plan.release_id), None)
    if known is None:
        raise MobiusError(f"the manifest of {plan.release_id} is gone")
    live = Release(
        id=known.id,
        tag=known.tag,
        commit=known.commit,
        content_digest=known.content_digest,
        config_digest=known.config_digest,
        state=ReleaseState.LIVE,
        slot=BLUE,
        staged_at=now,
        live_since=now,
        accepted=True,
    )
    ports.journal.put_release(name, live)
    ports.releases.point_to(live.id, "")
    told = {"unit": plan.unit, "tree": plan.tree, "port": plan.port, "proxy": plan.proxy_config}
    words = f"{plan.unit} was adopted as {live.id}, in place"
    ports.journal.say(None, name, Note("adopted", words, told), now=now, who=str(ports.holder()))
    house.open_up(plan)


# -- the way back ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Drift:
    """A file that somebody changed since. `merged`: theirs with our change alone taken back, where that is clear."""

    path: str
    ours: bytes
    theirs: bytes | None
    merged: bytes | None


def drifts(record: Record, world: World) -> tuple[Drift, ...]:
    """The proxy's files that are neither as we wrote them nor as they were. (mobius.toml is its owner's to change.)"""
    found = []
    for change in record.plan.proxy_files:
        there = world.keeper.content(change.path)
        if there not in (change.after, change.before):
            merged = None if there is None else undone(change, there)
            found.append(Drift(change.path, change.after, there, merged))
    return tuple(found)


def leaving(world: World) -> Standing:
    """What is live now, and goes away with an undo. Raises `Locked` while a run is at work."""
    ports = world.house().ports
    run = ports.journal.active_run(ports.settings.name)
    if run is not None and run.state not in PREEMPTIBLE:
        raise Locked(
            f"run {run.id} is at work ({run.state})", f"wait for it: mobius monitor -e {ports.settings.name}"
        )
    return standing(ports)


def undo(record: Record, world: World, *, force: bool = False) -> None:
    """Gives everything back. `force`: also a file that somebody changed since, as it was before the adoption."""
    found = drifts(record, world)
    if found and not force and any(drift.merged is None for drift in found):
        named = ", ".join(drift.path for drift in found if drift.merged is None)
        raise GateFailed(
            f"{named} was changed since, by somebody else, just where mobius changed it",
            "read the difference; --force puts it back as it was, and keeps theirs beside it as .before-undo",
        )
    record = world.keeper.mark(record, "undoing")
    _give_back(record, world, force=force)
    world.keeper.end()


def _give_back(record: Record, world: World, *, force: bool = False) -> None:
    plan = record.plan
    house = _house(record, world)
    with house.ports.lock.held() if house is not None else nullcontext():
        if not world.machine.is_active(plan.unit):
            world.tell(f"starting {plan.unit}")
            world.machine.start(plan.unit)
        _await_unit(plan, world)
        if _proxy_back(record, world, force=force):
            _turn_back(record, house, world)
        world.machine.link(record.boot_links)
        if house is not None:
            _close(plan, house, world)
        _project_back(record, world)


def _turn_back(record: Record, house: House | None, world: World) -> None:
    plan = record.plan
    world.machine.check_proxy(plan)
    with world.counting():
        world.tell(f"reloading {plan.proxy}, once")
        world.machine.reload_proxy(plan)
        if house is not None and record.phase == "undoing":
            _await_answers(plan, house.ports, world, through_us=False)
    if house is not None:
        _await_empty(house.ports, world)


def _await_unit(plan: Adoption, world: World) -> None:
    give_up_at = world.now() + WITHIN_S
    while not world.machine.answers(plan):
        if world.now() > give_up_at:
            raise GateFailed(
                f"{plan.unit} does not answer on port {plan.port}, so the proxy was left as it is",
                f"systemctl status {plan.unit}; then mobius adopt --undo again",
            )
        world.wait(LOOK_EVERY_S)


def _house(record: Record, world: World) -> House | None:
    """None where mobius.toml does not load any more (or was not written yet): the rest is given back all the same."""
    for change in record.plan.project_files:
        if record.phase == "undoing" and world.keeper.content(change.path) is None:
            world.keeper.put(change)  # somebody removed it; it goes again in the end
    try:
        return world.house()
    except MobiusError as problem:
        if record.phase == "undoing":
            world.tell(f"mobius.toml cannot be used, so mobius's own units are left: {problem.message}")
        return None


def _proxy_back(record: Record, world: World, *, force: bool) -> bool:
    """Whether anything had to be changed."""
    changes = {change.path: change for change in record.plan.proxy_files}
    moved = False
    for kept in record.files:
        change = changes.get(kept.path)
        if change is None:
            continue
        there = world.keeper.content(kept.path)
        if there != change.before:
            moved = True
        if there in (change.after, change.before):
            world.keeper.restore(kept)
            continue
        merged = None if there is None or force else undone(change, there)
        if merged is not None:
            world.tell(f"{kept.path} was changed since: only mobius's own lines are taken back")
            world.keeper.put_back(kept.path, merged)
            continue
        if there is not None:
            world.tell(f"{kept.path} as somebody changed it is kept as {world.keeper.put_aside(kept.path)}")
        world.keeper.restore(kept)
    return moved or record.phase == "undoing"


def _await_empty(ports: Ports, world: World) -> None:
    """Old workers of the proxy may still pass requests to us; they are let finish."""
    give_up_at = world.now() + DRAIN_S
    try:
        while any(each.in_flight for each in ports.traffic.counters().values()) and world.now() < give_up_at:
            world.wait(LOOK_EVERY_S)
    except MobiusError:
        return  # no front door any more: nothing is in flight there


def _close(plan: Adoption, house: House, world: World) -> None:
    """The journal says so, the window (if one is open) ends, and every unit of mobius's own goes."""
    ports = house.ports
    name, now = ports.settings.name, world.now()
    run = ports.journal.active_run(name)
    if run is not None:
        ports.launcher.stop(run)
        run = ports.journal.take_over(run, holder=ports.holder(), now=now)
        words = f"{plan.unit} was given back"
        ports.journal.move(run, RunState.ABORTED, Note("run ended", words), now=now, sentence=words)
    for release in ports.journal.releases(name):
        if release.state in (ReleaseState.LIVE, ReleaseState.PREVIOUS):
            ports.journal.set_release_state(name, release.id, ReleaseState.RETIRED, accepted=release.accepted)
    world.tell("stopping and removing mobius's own units")
    house.uninstall()
    house.forget(plan)
    if ports.journal.releases(name):
        words = f"{plan.unit} was given back, as it was"
        ports.journal.say(
            None, name, Note("given back", words, {"unit": plan.unit}), now=now, who=str(ports.holder())
        )


def _project_back(record: Record, world: World) -> None:
    changes = {change.path: change for change in record.plan.project_files}
    for kept in record.files:
        change = changes.get(kept.path)
        if change is None:
            continue
        there = world.keeper.content(kept.path)
        if there in (change.after, change.before):
            world.keeper.restore(kept)
        elif there is not None:
            world.tell(f"{kept.path} was changed since, and stays as it is: nothing reads it any more")
