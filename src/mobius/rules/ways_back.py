"""Every way back as an explicit list of steps, and which of them may be taken without asking."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mobius.model.plan import Plan, Step, Way, WayBack
from mobius.model.release import Release
from mobius.model.settings import EnvironmentSettings, ProcessSettings
from mobius.rules import steps as make

BEFORE, AFTER = "before traffic", "after traffic"
MOVES = ("switch", "command")  # actions after which users may meet another release


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two releases of a change: where it runs and which processes it has."""

    release_id: str  # "" where there is none: before the first deployment
    slot: str
    processes: tuple[ProcessSettings, ...] = ()


def side(release: Release | None, slot: str, processes: Sequence[ProcessSettings] = ()) -> Side:
    """A release in its slot, or nobody."""
    return Side(release.id if release else "", slot if release else "", tuple(processes))


def ways_back(
    settings: EnvironmentSettings,
    new: Side,
    old: Side,
    *,
    pending: Sequence[str] = (),
    can_go_down: bool = False,
    restore_s: float = 0.0,
) -> tuple[WayBack, ...]:
    """One way back before the switch, and after it one for each kind there is: code alone, down, restore."""
    left = "nothing; the migrated schema stays" if pending else "nothing"
    ways = [WayBack(BEFORE, Way.CODE_ALONE, make.numbered("back-early", _give_up(new, old)), 1.0, left)]
    if not old.release_id:
        lost = "the service: there is no release to go back to"
        ways.append(WayBack(AFTER, Way.CODE_ALONE, make.numbered("back-code", _give_up(new, old)), 1.0, lost))
        return tuple(ways)
    ways.append(
        WayBack(AFTER, Way.CODE_ALONE, make.numbered("back-code", code_alone(settings, new, old)), 1.0, left)
    )
    if pending and can_go_down:
        steps = with_data(settings, new, old, [], make.take_down(new.release_id, pending))
        lost = "what was written into the new columns and tables"
        ways.append(WayBack(AFTER, Way.DOWN, make.numbered("back-down", steps), 10.0, lost))
    if settings.backup.kept_paths:
        steps = with_data(settings, new, old, [make.prepare_data("", restore_s)], make.restore_data())
        steps.append(make.list_lost())
        lost = "every write since the backup; the emergency backup keeps them"
        ways.append(WayBack(AFTER, Way.RESTORE, make.numbered("back-restore", steps), 10.0 + restore_s, lost))
    return tuple(ways)


def choose(plan: Plan, begun: Collection[str]) -> WayBack | None:
    """The way back that is taken without asking, from as far as the run has come.

    None when no step that touches the service was begun: then there is nothing to take back. Also None when
    something was `touched`, but only a person may choose what to do about it.
    """
    done = touched(plan, begun)
    if not done:
        return None
    return unasked(plan, AFTER if any(step.action in MOVES for step in done) else BEFORE)


def touched(plan: Plan, begun: Collection[str]) -> list[Step]:
    """The steps that touch the service and were begun."""
    return [step for step in plan.rollout if step.effect and step.id in begun]


def unasked(plan: Plan, phase: str = AFTER) -> WayBack | None:
    """The way back from this phase that may be taken without asking: code alone. Data is never restored by itself,
    but where there is no other way and `auto_restore` allows it."""
    way = plan.way_back(phase)
    return plan.way_back(phase, Way.RESTORE) if way is None and plan.facts.get("auto_restore") else way


def _give_up(new: Side, old: Side) -> list[Step]:
    """Traffic is, or goes, where it was; the new release only has to leave."""
    title = f"traffic stays on {old.slot}" if old.slot else "take the release off traffic"
    return [
        make.switch(old.slot, new.slot, title),
        make.stop(new.slot, "stop the failed release"),
        make.mark_live(old.release_id, failed_id=new.release_id, slot=old.slot),
    ]


def code_alone(settings: EnvironmentSettings, new: Side, old: Side) -> list[Step]:
    """The fast way: one switch to the warm release; everything else follows when users are safe."""
    leaving = [make.drain(new.slot)] if new.slot else []  # nothing is live where everything was stopped
    left = [make.stop(new.slot, "stop the failed release")] if new.slot else []
    return [
        make.ensure_up(old.slot, old.release_id),
        make.switch(old.slot, new.slot, f"switch traffic back to {old.slot}"),
        *leaving,
        *make.change_over(new.slot, new.processes, old.slot, old.release_id, old.processes),
        make.mark_live(old.release_id, failed_id=new.release_id, slot=old.slot),
        make.emergency_backup(new.release_id, advisory=True),
        make.smoke("", advisory=True),
        *make.gates_after(settings.checks),
        *left,
    ]


def with_data(
    settings: EnvironmentSettings, new: Side, old: Side, prepared: Sequence[Step], change_data: Step
) -> list[Step]:
    """Code and data to one point: keep the present, lay out what comes back, and only then hold requests, stop what
    writes, change data, start."""
    stops = [make.stop(slot, "stop what writes") for slot in dict.fromkeys((new.slot, old.slot)) if slot]
    return [
        make.emergency_backup(new.release_id),
        *prepared,
        make.hold(),
        *stops,
        change_data,
        make.start_web(old.slot, old.release_id),
        make.await_healthy(settings, old.slot, old.release_id),
        make.switch(old.slot, new.slot, f"switch traffic to {old.slot}"),
        make.release_hold(),
        *make.change_over("", (), old.slot, old.release_id, old.processes),
        make.mark_live(old.release_id, failed_id=new.release_id, slot=old.slot),
        make.smoke("", advisory=True),
        *make.gates_after(settings.checks),
    ]
