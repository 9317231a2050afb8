"""Every way back as an explicit list of steps. Which of them is taken, `rules/choosing.py` says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mobius.model.plan import Step, Way, WayBack
from mobius.model.release import Release
from mobius.model.settings import EnvironmentSettings, ProcessSettings
from mobius.rules import steps as make
from mobius.rules.choosing import AFTER, BEFORE, DURING, INSIDE

WARM_S, COLD_S = 1.0, 15.0  # a switch; a start, the health gate and a switch
GONE_BY_DOWN = "what was written into the new columns and tables"
GONE_BY_RESTORE = "every write since the backup; the emergency backup keeps them"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two releases of a change: where it runs and which processes it has."""

    release_id: str  # "" where there is none: before the first deployment
    slot: str
    processes: tuple[ProcessSettings, ...] = ()


def side(release: Release | None, slot: str, processes: Sequence[ProcessSettings] = ()) -> Side:
    """A release in its slot, or nobody."""
    return Side(release.id if release else "", slot if release else "", tuple(processes))


def is_opaque(settings: EnvironmentSettings) -> bool:
    """Whether only a command of the project's own knows what is applied, so that nobody can look."""
    return settings.migrations is not None and settings.migrations.kind == "command"


def ways_back(
    settings: EnvironmentSettings,
    new: Side,
    old: Side,
    *,
    pending: Sequence[str] = (),
    can_go_down: bool = False,
    held: bool = False,
    restore_s: float = 0.0,
    staged: bool = False,
) -> tuple[WayBack, ...]:
    """One way back before the switch, and after it one for each kind there is: code alone, down, restore. Where
    requests are `held` while the schema moves, one of each kind from inside the hold as well; where they are `staged`,
    one from a stage, in which the old release has most of them still."""
    left = "nothing; the migrated schema stays" if pending else "nothing"
    ways = [WayBack(BEFORE, Way.CODE_ALONE, make.numbered("back-early", _give_up(new, old)), WARM_S, left)]
    if not old.release_id:
        lost = "the service: there is no release to go back to"
        ways.append(
            WayBack(AFTER, Way.CODE_ALONE, make.numbered("back-code", _give_up(new, old)), WARM_S, lost)
        )
        return tuple(ways)
    if staged:
        back = make.numbered("canary-back", _end_canary(settings, new, old))
        ways.append(WayBack(DURING, Way.CODE_ALONE, back, WARM_S, left))
    if held:
        ways += _inside(settings, new, old, pending, can_go_down=can_go_down, restore_s=restore_s)
    code = make.numbered("back-code", code_alone(settings, new, old, held=held))
    ways.append(WayBack(AFTER, Way.CODE_ALONE, code, COLD_S if held else WARM_S, left))
    if pending and can_go_down:
        down = make.take_down(new.release_id, pending, opaque=is_opaque(settings))
        steps = with_data(settings, new, old, [], down)
        ways.append(WayBack(AFTER, Way.DOWN, make.numbered("back-down", steps), 10.0, GONE_BY_DOWN))
    if settings.backup.kept_paths:
        steps = _restored(settings, new, old, restore_s)
        restore = make.numbered("back-restore", steps)
        ways.append(WayBack(AFTER, Way.RESTORE, restore, 10.0 + restore_s, GONE_BY_RESTORE))
    return tuple(ways)


def _inside(
    settings: EnvironmentSettings,
    new: Side,
    old: Side,
    pending: Sequence[str],
    *,
    can_go_down: bool,
    restore_s: float,
) -> list[WayBack]:
    """While requests wait nobody writes: going down loses nothing, and needs no backup before it."""
    code = make.numbered("inside-code", code_alone(settings, new, old, held=True, keep=False))
    ways = [WayBack(INSIDE, Way.CODE_ALONE, code, COLD_S, "nothing; what was migrated by then stays")]
    if can_go_down:
        down = make.take_down(new.release_id, pending, opaque=is_opaque(settings))
        steps = make.numbered("inside-down", with_data(settings, new, old, [], down, keep=False))
        ways.append(WayBack(INSIDE, Way.DOWN, steps, 10.0, "nothing: nobody writes while requests wait"))
    if settings.backup.kept_paths:
        steps = make.numbered("inside-restore", _restored(settings, new, old, restore_s))
        lost = "what was written between the backup and the hold; the emergency backup keeps it"
        ways.append(WayBack(INSIDE, Way.RESTORE, steps, 10.0 + restore_s, lost))
    return ways


def _restored(settings: EnvironmentSettings, new: Side, old: Side, restore_s: float) -> list[Step]:
    steps = with_data(settings, new, old, [make.prepare_data("", restore_s)], make.restore_data())
    return [*steps, make.list_lost()]


def _give_up(new: Side, old: Side) -> list[Step]:
    """Traffic is, or goes, where it was; the new release only has to leave."""
    title = f"traffic stays on {old.slot}" if old.slot else "take the release off traffic"
    return [
        make.switch(old.slot, new.slot, title),
        make.stop(new.slot, "stop the failed release"),
        make.mark_live(old.release_id, failed_id=new.release_id, slot=old.slot),
    ]


def _end_canary(settings: EnvironmentSettings, new: Side, old: Side) -> list[Step]:
    """One write: the old release never stopped answering, and its workers run."""
    return [
        make.switch(old.slot, new.slot, f"all requests to {old.slot}"),
        make.drain(new.slot),
        make.mark_live(old.release_id, failed_id=new.release_id, slot=old.slot),
        make.emergency_backup(new.release_id, advisory=True),
        make.smoke("", advisory=True),
        *make.gates_after(settings.checks),
        make.stop(new.slot, "stop the failed release"),
    ]


def code_alone(
    settings: EnvironmentSettings, new: Side, old: Side, *, held: bool = False, keep: bool = True
) -> list[Step]:
    """The fast way: one switch to the warm release; everything else follows when users are safe. `held`: requests may
    wait, and are let go. `keep`: what the new release has written by now is backed up."""
    leaving = [make.drain(new.slot)] if new.slot else []  # nothing is live where everything was stopped
    left = [make.stop(new.slot, "stop the failed release")] if new.slot else []
    return [
        make.ensure_up(old.slot, old.release_id),
        make.switch(old.slot, new.slot, f"switch traffic back to {old.slot}"),
        *([make.release_hold()] if held else []),
        *leaving,
        *make.change_over(new.slot, new.processes, old.slot, old.release_id, old.processes),
        make.mark_live(old.release_id, failed_id=new.release_id, slot=old.slot),
        *([make.emergency_backup(new.release_id, advisory=True)] if keep else []),
        make.smoke("", advisory=True),
        *make.gates_after(settings.checks),
        *left,
    ]


def with_data(
    settings: EnvironmentSettings,
    new: Side,
    old: Side,
    prepared: Sequence[Step],
    change_data: Step,
    *,
    keep: bool = True,
) -> list[Step]:
    """Code and data to one point: keep the present, lay out what comes back, and only then hold requests, stop what
    writes, change data, start."""
    stops = [make.stop(slot, "stop what writes") for slot in dict.fromkeys((new.slot, old.slot)) if slot]
    return [
        *([make.emergency_backup(new.release_id)] if keep else []),
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
