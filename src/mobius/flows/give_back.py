"""Giving back what was taken over: every file as it was, the service as it ran; a kill -9 is only an interruption.

The service itself is started first where it does not run, and must answer; only then the proxy is turned back to it.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

from mobius.errors import GateFailed, Locked, MobiusError
from mobius.flows.adopting import LOOK_EVERY_S, WITHIN_S, House, Record, World
from mobius.flows.standing import Standing, standing
from mobius.model.adoption import Adoption
from mobius.model.release import ReleaseState
from mobius.model.run import PREEMPTIBLE, RunState
from mobius.model.verdict import Outcome
from mobius.ports import CountsPartial, Note, Ports
from mobius.rules.adopting import undone

DRAIN_S = 30.0


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
    give_back(record, world, force=force)
    world.keeper.end()


def give_back(record: Record, world: World, *, force: bool = False) -> None:
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
            await_answers(plan, house.ports, world, through_us=False)
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
        while _may_be_in_flight(ports) and world.now() < give_up_at:
            world.wait(LOOK_EVERY_S)
    except MobiusError:
        return  # no front door any more: nothing is in flight there


def _may_be_in_flight(ports: Ports) -> bool:
    try:
        return any(each.in_flight for each in ports.traffic.counters().values())
    except CountsPartial:
        return True


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


def await_answers(plan: Adoption, ports: Ports, world: World, *, through_us: bool) -> None:
    """Until requests to the service's own address go by our front door, or no more do, and are answered well."""
    give_up_at = world.now() + WITHIN_S
    while True:
        told = _not_yet(plan, ports, through_us=through_us)
        if not told:
            return
        if world.now() > give_up_at:
            raise GateFailed(
                f"{ports.settings.url} is not well after the reload: {told}",
                f"look: curl -i {ports.settings.url}",
            )
        world.wait(LOOK_EVERY_S)


def _not_yet(plan: Adoption, ports: Ports, *, through_us: bool) -> str:
    """What is still missing, "" when nothing is."""
    try:
        before = _requests(ports, through_us=through_us)
        result = ports.checks.health(ports.settings.url)
        if result.outcome is not Outcome.PASS:
            return result.message
        if (_requests(ports, through_us=through_us) > before) == through_us:
            return ""
    except CountsPartial as partial:
        return partial.message
    return f"{plan.proxy} answers, but {'past' if through_us else 'still through'} mobius"


def _requests(ports: Ports, *, through_us: bool) -> int:
    """So many came by our front door so far."""
    try:
        return sum(each.requests for each in ports.traffic.counters().values())
    except MobiusError:
        if through_us:
            raise
        return 0  # there is no front door any more, or none yet
