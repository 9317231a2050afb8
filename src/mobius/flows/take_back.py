"""Walks a way back, to its end: a full disk or a lost journal does not stop it; what fails pages a person."""

from __future__ import annotations

from mobius.errors import Locked, MobiusError
from mobius.flows.perform import perform
from mobius.flows.record import Record
from mobius.model.plan import WayBack
from mobius.model.run import Run, RunState


def take_back(record: Record, way: WayBack, *, because: str) -> Run:
    """Does the steps of the way back. Ends ROLLED_BACK (exit 12), or FAILED (exit 13) with a page."""
    record = Record(record.run, record.ports, forgiving=True)
    clock, plan = record.ports.clock, record.run.plan
    decided = clock.monotonic()
    if record.run.state is not RunState.ROLLING_BACK:
        told = {"way": str(way.way), "to": plan.previous_id, "because": because, "decided_at": clock.now()}
        words = f"going back to {plan.previous_id or 'nothing live'} ({way.way}): {because}"
        record.move(RunState.ROLLING_BACK, "rollback begun", words, data=told, sentence=because)
    try:
        perform(way.steps, record)
    except Locked:
        raise
    except Exception as problem:
        return _failed(record, problem)
    seconds = clock.monotonic() - decided
    return record.move(
        RunState.ROLLED_BACK,
        "rolled back",
        f"{plan.previous_id or 'nothing'} is live again after {seconds:.1f} s: {because}",
        topic="rolled back",
        data={"to": plan.previous_id, "seconds": round(seconds, 3), "because": because, "exit_code": 12},
        exit_code=12,
        sentence=because,
    )


def stop_for_a_person(record: Record, doubt: MobiusError) -> Run:
    """Nobody can tell what happened: nothing is undone, a person is called with the two safe choices."""
    told = {"sentence": doubt.message, "choices": [doubt.hint]}
    return record.move(
        RunState.NEEDS_OPERATOR,
        "page",
        doubt.message,
        topic="alert",
        data=told,
        exit_code=4,
        sentence=doubt.message,
    )


def _failed(record: Record, problem: Exception) -> Run:
    why = problem.message if isinstance(problem, MobiusError) else f"{type(problem).__name__}: {problem}"
    environment = record.run.environment
    choices = [
        f"try again: mobius resume -e {environment}",
        f"another way: mobius rollback -e {environment} --emergency",
    ]
    return record.move(
        RunState.FAILED,
        "page",
        f"going back failed: {why}",
        topic="alert",
        data={"sentence": why, "choices": choices, "exit_code": 13},
        exit_code=13,
        sentence=f"going back failed: {why}",
    )
