"""The backup of this run gets a copy off this machine, before traffic moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.errors import GateFailed, Locked, MobiusError
from mobius.flows.actions.action import advancing, own_backup
from mobius.flows.off_site import copied_facts, copy_backup
from mobius.flows.record import Record
from mobius.model.plan import Step
from mobius.report.copying import copied_words


def copy_away(step: Step, record: Record) -> Mapping[str, Any]:
    """Repeating it finds what is there. Where a copy is required, no copy is a no (exit 3), with nothing changed;
    else it is told, and the deployment goes on."""
    backup = own_backup(record)
    try:
        copied = copy_backup(record.ports, backup, progress=advancing(record))
    except Locked:
        raise
    except Exception as problem:
        why = problem.message if isinstance(problem, MobiusError) else f"{type(problem).__name__}: {problem}"
        hint = problem.hint if isinstance(problem, MobiusError) else ""
        if step.params["required"]:
            details = problem.details if isinstance(problem, MobiusError) else ()
            raise GateFailed(
                f"no copy of the backup could be made: {why}", hint, details=details
            ) from problem
        sentence = f"{backup.name} is on this machine alone: {why}"
        told = {"name": backup.name, "sentence": sentence, "hint": hint}
        again = f"mobius backup copy {backup.name} -e {record.run.environment}"
        record.say("copy failed", sentence, {**told, "choices": [again]}, topic="alert")
        return {"failed": why}
    facts = copied_facts(copied)
    record.say("backup copied", copied_words(copied), facts)
    return facts
