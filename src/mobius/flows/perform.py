"""Does steps in order, each written down before and after, and looks before it repeats one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

from mobius.errors import Locked, MobiusError
from mobius.flows.actions import ACTIONS, Answer
from mobius.flows.actions import NeedsPerson as NeedsPerson
from mobius.flows.actions.action import in_doubt
from mobius.flows.lost_hosts import tell_left_out
from mobius.flows.record import Record
from mobius.model.plan import Repeat, Step
from mobius.model.run import StepRecord


def perform(steps: Sequence[Step], record: Record) -> None:
    """Every step that is not done, in order. Raises what the step raises, after writing it down."""
    known = record.steps()
    for step in steps:
        before = known.get(step.id)
        if before is not None and before.is_done:
            continue
        if before is not None and not before.failed and settle_interrupted(step, before, record):
            continue
        do(step, record)


def do(step: Step, record: Record) -> None:
    """One step: begun, its effect, done. A newer run that took over ends it at the next line written."""
    record.begin(step)
    try:
        with tell_left_out(record) if record.ports.settings.hosts else nullcontext():
            result = ACTIONS[step.action].do(step, record)
    except Locked:
        raise
    except MobiusError as problem:
        record.failed(step, str(problem))
        raise
    except Exception as problem:
        record.failed(step, f"{type(problem).__name__}: {problem}")
        raise
    record.done(step, result)


def settle_interrupted(step: Step, before: StepRecord, record: Record) -> bool:
    """Whether the begun step turns out to be done. Raises `NeedsPerson` when nobody can tell."""
    if step.repeat is Repeat.REPEATABLE:
        return False
    answer, why = Answer.UNKNOWN, "it cannot be observed"
    if step.repeat is Repeat.OBSERVABLE:
        try:
            answer, why = ACTIONS[step.action].observe(step, record)
        except Locked:
            raise
        except Exception as problem:  # whatever it is, it is no answer
            why = (
                problem.message
                if isinstance(problem, MobiusError)
                else f"{type(problem).__name__}: {problem}"
            )
    record.say("step observed", f"{step.title}: {answer} ({why})", {"step": step.id, "answer": str(answer)})
    if answer is Answer.UNKNOWN:
        raise in_doubt(step, record, why)
    if answer is Answer.DONE:
        record.done(step, {"observed": why})
    return answer is Answer.DONE
