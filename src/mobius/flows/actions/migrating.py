"""The live schema moves forward, or back; and how to see whether it did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.errors import GateFailed, MobiusError
from mobius.flows.actions.action import Answer, Observed, said
from mobius.flows.record import Record, migrations_folder
from mobius.model.plan import Repeat, Step
from mobius.ports import Migrations


def migrate(step: Step, record: Record) -> Mapping[str, Any]:
    """Applies what was planned. Raises `GateFailed` where something else is pending than was planned and rehearsed."""
    folder = migrations_folder(step, record)
    if step.repeat is not Repeat.ASK:
        _refuse_what_was_not_planned(step, {one.name for one in _of(record).pending(folder)})
    applied = _of(record).apply(folder, progress=said(record))
    return {"applied": [migration.name for migration in applied]}


def migrated(step: Step, record: Record) -> Observed:
    applied = _applied(step, record)
    missing = [name for name in step.params["names"] if name not in applied]
    if not missing:
        return Answer.DONE, "the database has them all"
    return Answer.NOT_DONE, f"the database does not have {', '.join(missing)}"


def down(step: Step, record: Record) -> Mapping[str, Any]:
    """Takes back those of them that are applied."""
    _of(record).down(migrations_folder(step, record), step.params["names"])
    return {"taken_back": step.params["names"]}


def is_down(step: Step, record: Record) -> Observed:
    applied = _applied(step, record)
    left = [name for name in step.params["names"] if name in applied]
    return (Answer.NOT_DONE, f"{', '.join(left)} applied") if left else (Answer.DONE, "none is applied")


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
