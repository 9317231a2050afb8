"""Taking over what already runs: every step may be repeated, so a kill -9 is only an interruption.

The service itself is never touched: it goes on as it runs. What changes are files, each kept before, and the proxy,
which is reloaded once. Giving it back is `mobius.flows.give_back`.
"""

from __future__ import annotations

from collections.abc import Mapping

from mobius.errors import GateFailed, MobiusError
from mobius.flows.adopting import LOOK_EVERY_S, WITHIN_S, House, Record, World
from mobius.flows.give_back import await_answers, give_back
from mobius.flows.healthy import await_healthy
from mobius.model.adoption import Adoption, FileChange
from mobius.model.release import Release, ReleaseState
from mobius.ports import Note, Ports
from mobius.rules.steps import BLUE


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
            give_back(record, world)
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
        socket = f"{plan.root}/live/web.sock"
        raise GateFailed(
            f"{plan.proxy} could not reach the service by {socket}: {why_not}",
            f"let the user of {plan.proxy} search every folder above: namei -l {socket}",
        )


def _turn_the_proxy(plan: Adoption, house: House, world: World) -> None:
    for change in plan.proxy_files:
        _put(change, world)
    world.machine.check_proxy(plan)
    with world.counting():
        world.tell(f"reloading {plan.proxy}, once")
        world.machine.reload_proxy(plan)
        if _is_told_later(plan):
            _tell_proxy(house.ports, world)
        await_answers(plan, house.ports, world, through_us=True)
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
        raise GateFailed(
            f"{change.path} was changed meanwhile, by somebody else", "see who changes it, then adopt again"
        )
    world.tell(f"writing {change.path}")
    world.keeper.put(change)


def _remember(plan: Adoption, house: House, world: World) -> None:
    ports, now = house.ports, world.now()
    name = ports.settings.name
    known = next((r for r in ports.releases.manifests() if r.id == plan.release_id), None)
    if known is None:
        raise MobiusError(f"the manifest of {plan.release_id} is gone", "adopt again: it is written anew")
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
