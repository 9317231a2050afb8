"""The live schema moves forward, or back; and how to see whether it did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.errors import GateFailed, MobiusError
from mobius.flows.actions.action import Answer, Observed
from mobius.flows.actions.holding import left_of_hold
from mobius.flows.record import Record, migrations_folder
from mobius.model.plan import Repeat, Step
from mobius.ports import Migrations
from mobius.report.words import duration


def migrate(step: Step, record: Record) -> Mapping[str, Any]:
    """Applies what was planned. Inside a hold no lock is waited for longer than that lasts, while nothing is applied.
    Raises `GateFailed` where something else is pending than was planned and rehearsed."""
    folder = migrations_folder(step, record)
    if step.repeat is not Repeat.ASK:
        _refuse_what_was_not_planned(step, {one.name for one in _of(record).pending(folder)})
    tell, within_s = record.tell, _within_s(step, record)
    if within_s is not None:
        tell(
            f"locks are waited for until the hold ends, in {duration(within_s)}, unless something is applied by then"
        )
    applied = _of(record).apply(folder, progress=tell, within_s=within_s)
    return {"applied": [migration.name for migration in applied]}


def migrated(step: Step, record: Record) -> Observed:
    applied = _applied(step, record)
    missing = [name for name in step.params["names"] if name not in applied]
    if not missing:
        return Answer.DONE, "the database has them all"
    return Answer.NOT_DONE, f"the database does not have {', '.join(missing)}"


def down(step: Step, record: Record) -> Mapping[str, Any]:
    """Takes back those of them that are applied, once nothing that outlived its deployer migrates any more."""
    tell = record.tell
    _of(record).wait(tell)
    _of(record).down(migrations_folder(step, record), step.params["names"], progress=tell)
    return {"taken_back": step.params["names"]}


def is_down(step: Step, record: Record) -> Observed:
    applied = _applied(step, record)
    left = [name for name in step.params["names"] if name in applied]
    return (Answer.NOT_DONE, f"{', '.join(left)} applied") if left else (Answer.DONE, "none is applied")


def _within_s(step: Step, record: Record) -> float | None:
    """How long a lock may be waited for: what is left of the hold. None where nobody waits, or where something of this
    step is applied, or may be: then the way forward is the shorter one."""
    left_s = left_of_hold(record)
    if left_s is None:
        return None
    if step.repeat is Repeat.ASK:
        known = record.steps().get(step.id)
        return None if known is not None and known.attempt > 1 else left_s
    return None if _applied(step, record) & set(step.params["names"]) else left_s


def _refuse_what_was_not_planned(step: Step, pending: set[str]) -> None:
    if others := sorted(pending - set(step.params["names"])):
        raise GateFailed(
            f"the database has changed since it was planned: {', '.join(others)} would be applied, too",
            "somebody else migrated it, or took something back; plan again: mobius plan",
        )


def _applied(step: Step, record: Record) -> set[str]:
    return {migration.name for migration in _of(record).applied(migrations_folder(step, record))}


def _of(record: Record) -> Migrations:
    if record.ports.migrations is None:
        raise MobiusError("nothing says how the schema moves any more", "see [migrations] in mobius.toml")
    return record.ports.migrations
