"""Walks a way back, to its end: a full disk or a lost journal does not stop it; what fails pages a person."""

from __future__ import annotations

from contextlib import suppress

from mobius.errors import GateUnknown, Locked, MobiusError
from mobius.flows.actions.action import own_backup_name
from mobius.flows.lost_hosts import leave_out_lost
from mobius.flows.perform import NeedsPerson, perform
from mobius.flows.put_back import is_putting_back, put_back
from mobius.flows.record import Record
from mobius.flows.way_back import proven_now, schema_now
from mobius.model.plan import Way, WayBack
from mobius.model.run import Run, RunState
from mobius.report.ways import choices_between
from mobius.rules.canary import nobody_could_tell
from mobius.rules.choosing import BEFORE, DURING, INSIDE, next_way
from mobius.rules.sharing import may_go_back_unasked
from mobius.rules.steps import AFTERWARDS

ROLLED_BACK = 12  # the exit code of a release that was taken back


def take_back(record: Record, way: WayBack, *, because: str) -> Run:
    """Does the steps of the way back. Ends ROLLED_BACK (exit 12), or FAILED (exit 13) with a page; where
    nobody can tell whether a step of it happened, it stops for a person."""
    record = record.on_the_way_back()
    clock, plan = record.ports.clock, record.run.plan
    decided_at = _decided_at(record, way)
    if record.run.state is not RunState.ROLLING_BACK:
        told = {"way": str(way.way), "to": plan.previous_id, "because": because, "decided_at": decided_at}
        words = f"going back to {plan.previous_id or 'nothing live'} ({way.way}): {because}"
        record.move(
            RunState.ROLLING_BACK, "rollback begun", words, topic="started", data=told, sentence=because
        )
    try:
        leave_out_lost(record)
        if unfinished := is_putting_back(record):
            raise unfinished
        perform([step for step in way.steps if step.phase != AFTERWARDS], record)
        seconds = max(0.0, clock.now() - decided_at)
        perform([step for step in way.steps if step.phase == AFTERWARDS], record)
    except Locked:
        raise
    except NeedsPerson as doubt:
        return stop_for_a_person(record, doubt)
    except Exception as problem:
        data = _with_data_unasked(record, way)
        if data is None:
            return _failed(record, way, problem)
        why = problem.message if isinstance(problem, MobiusError) else str(problem)
        told = {"way": str(data.way), "to": plan.previous_id, "because": because, "decided_at": decided_at}
        allowed = "proven to give everything back" if data.way is Way.DOWN else "auto_restore"
        words = (
            f"{way.way} did not bring {plan.previous_id} back ({why}); {allowed}: its data goes back with it"
        )
        record.say("rollback begun", words, told)
        return take_back(record, data, because=because)
    again = "stayed live" if way.phase == BEFORE else f"is live again after {seconds:.1f} s"
    if way.phase == DURING:
        again = f"has all requests again after {seconds:.1f} s"
    code = _exit_code(record)
    return record.move(
        RunState.ROLLED_BACK,
        "rolled back",
        f"{plan.previous_id or 'nothing'} {again}: {because}",
        topic="rolled back",
        data={
            "to": plan.previous_id,
            "way": str(way.way),
            "seconds": round(seconds, 3),
            "because": because,
            "exit_code": code,
            "rollback_within_s": record.ports.settings.rollback_within_s,
            "emergency_within_s": record.ports.settings.emergency_within_s,
        },
        exit_code=code,
        sentence=because,
    )


def _exit_code(record: Record) -> int:
    events = record.read(lambda: record.ports.journal.events(run_id=record.run.id))
    return GateUnknown.exit_code if nobody_could_tell(events) else ROLLED_BACK


def _with_data_unasked(record: Record, way: WayBack) -> WayBack | None:
    """The way back with the data, where the release before does not come up on what the data is now, and nobody need
    be asked."""
    begun, plan = record.steps().keys(), record.run.plan
    restores = may_go_back_unasked(record.ports.settings)
    moved, half = schema_now(record)
    proven = proven_now(record)
    return next_way(plan, way, begun, proven, restores=restores, moved=moved, half=bool(half))


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


def let_held_requests_go(record: Record) -> None:
    """Where going back has failed nothing is gained by waiting: clients get their answer now."""
    held = any("release-hold" not in step_id and "-hold" in step_id for step_id in record.steps())
    with suppress(MobiusError):
        if held:
            record.ports.traffic.release_hold()


def _decided_at(record: Record, way: WayBack) -> float:
    """Now; or, for a runner that carries on, when the first step of the way back was begun."""
    known = record.steps()
    begun = [known[step.id].begun_at for step in way.steps if step.id in known]
    return min(begun, default=record.ports.clock.now())


def _failed(record: Record, way: WayBack, problem: Exception) -> Run:
    why = problem.message if isinstance(problem, MobiusError) else f"{type(problem).__name__}: {problem}"
    plan = record.run.plan
    # Inside the hold the release before was live, and it is what did not come back.
    steps = () if way.phase == INSIDE else way.steps
    again = put_back(
        record, steps, live_id=plan.release_id, live_slot=plan.slot, free_slot=plan.previous_slot
    )
    why = f"{why}; {again}" if again else why
    let_held_requests_go(record)
    environment = record.run.environment
    choices = [
        f"see what is there: mobius status -e {environment}",
        f"go back again: mobius rollback -e {environment} --emergency",
    ]
    if way.phase == INSIDE:  # the release before is what did not come back: without its data it will not
        choices[1:] = choices_between(plan, proven_now(record), own_backup_name(record), is_live=False)
    return record.move(
        RunState.FAILED,
        "page",
        f"going back failed: {why}",
        topic="alert",
        data={"sentence": why, "choices": choices, "exit_code": 13},
        exit_code=13,
        sentence=f"going back failed: {why}",
    )
