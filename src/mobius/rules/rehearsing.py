"""Judges what a rehearsal measured: whether an earlier one still counts, and whether the way back is fast enough."""

from __future__ import annotations

from dataclasses import dataclass

from mobius.model.plan import Plan, Way, WayBack
from mobius.model.proven import NOTHING_PROVEN, Proven
from mobius.model.release import BackupRecord
from mobius.rules.choosing import AFTER, unasked

SWITCH_S = 1.0  # stopping what writes, exchanging what is laid out, moving traffic


@dataclass(frozen=True, slots=True)
class Measured:
    """What one way back by restoring is made of, in seconds. `boot_s` 0: it was not booted, then `health_s`, the time
    that the health gate takes at least, stands for it."""

    backup_s: float  # the backup of this run: the emergency backup that comes first takes as long
    restore_s: float
    boot_s: float = 0.0
    health_s: float = 0.0
    down_s: float = 0.0  # the way down on the copy, and the start of the release before; 0: it was not tried


@dataclass(frozen=True, slots=True)
class TooSlow:
    """A way back that would take longer than it may. `setting`: which target it misses."""

    way: Way
    takes_s: float
    target_s: float
    setting: str


def counts(backup: BackupRecord, *, now: float, within_s: float, boot: bool, pending: bool) -> bool:
    """Whether what was proven of this very backup still is: it is young enough, nothing waits to be migrated on it,
    and its release ran on it where that is asked for."""
    if not within_s or pending or not backup.rehearsed_at:
        return False
    return 0 <= now - backup.rehearsed_at <= within_s and (backup.booted or not boot)


def way_back_s(way: WayBack, measured: Measured) -> float:
    """How long this way takes: as planned, but where data comes back by what was measured a moment ago."""
    start_s = measured.boot_s or measured.health_s
    match way.way:
        case Way.CODE_ALONE:
            return way.expected_s
        case Way.DOWN:
            took_s = measured.backup_s + measured.down_s + SWITCH_S
            return took_s if measured.down_s else way.expected_s
        case Way.RESTORE:
            return measured.backup_s + measured.restore_s + start_s + SWITCH_S


def too_slow(
    plan: Plan,
    measured: Measured,
    *,
    rollback_within_s: float,
    emergency_within_s: float,
    data_unasked: bool = False,
    proven: Proven = NOTHING_PROVEN,
) -> TooSlow | None:
    """The way back that would be taken and misses its target; None where it holds, or where there is none.

    What is judged is the way that would really be taken: without asking, and by `rollback --emergency`. Where code
    alone is open both are that, however large the data is; a restore that only a person may choose stops nobody. What
    was `proven` against code alone makes it down, or a restore that goes unasked. With `data_unasked` the data goes
    back by itself where code alone does not help: then that is judged, too.
    """
    chosen, emergency = unasked(plan, AFTER, proven), _emergency(plan)
    data = plan.way_back(AFTER, Way.RESTORE) if data_unasked else None
    for way, target_s, setting in (
        (emergency, emergency_within_s, "emergency_within"),
        (chosen, rollback_within_s, "rollback_within"),
        (data, rollback_within_s, "rollback_within"),
    ):
        if way is not None and plan.previous_id and (takes_s := way_back_s(way, measured)) > target_s:
            return TooSlow(way.way, takes_s, target_s, setting)
    return None


def slow_restore(plan: Plan, measured: Measured, *, rollback_within_s: float) -> float:
    """How long going back with the data would take, where that is longer than it should be; else 0. To be told, though
    that way is not taken without asking."""
    way = plan.way_back(AFTER, Way.RESTORE)
    takes_s = way_back_s(way, measured) if way is not None else 0.0
    return takes_s if takes_s > rollback_within_s else 0.0


def _emergency(plan: Plan) -> WayBack | None:
    """The way of `rollback --emergency`: code alone; where there is only the data, that of the backup."""
    return plan.way_back(AFTER) or plan.way_back(AFTER, Way.RESTORE)
