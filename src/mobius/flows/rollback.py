"""The rollback that a person asked for: a run of its own, then two hours of watching."""

from __future__ import annotations

from contextlib import suppress

from mobius.errors import Locked, MobiusError
from mobius.flows.lost_hosts import leave_out_lost
from mobius.flows.monitor import monitor, open_window
from mobius.flows.perform import NeedsPerson, perform
from mobius.flows.put_back import is_putting_back, put_back
from mobius.flows.record import Record
from mobius.flows.take_back import let_held_requests_go, stop_for_a_person
from mobius.flows.turn import turn
from mobius.model.run import Run, RunState
from mobius.ports import Ports
from mobius.rules.steps import AFTERWARDS

REFUSALS = (2, 3, 4, 11)  # what was asked for was wrong, as opposed to: going back did not work


def rollback(run: Run, ports: Ports) -> Run:
    """Carries a rollback to its end and watches what came back; a refusal changes nothing."""
    with turn(ports):
        record = Record(run, ports, forgiving=True)
        begin_going_back(record)
        try:
            ports.target.prepare()
            leave_out_lost(record)
            if unfinished := is_putting_back(record):
                raise unfinished
            _wait_for_migrations(record)
            perform([step for step in run.plan.rollout if step.phase != AFTERWARDS], record)
            _tell(record)
            perform([step for step in run.plan.rollout if step.phase == AFTERWARDS], record)
        except Locked:
            raise
        except NeedsPerson as doubt:
            return stop_for_a_person(record, doubt)
        except Exception as problem:
            return refused_or_failed(record, problem)
        open_window(record)
    return monitor(record.run, ports)


def _wait_for_migrations(record: Record) -> None:
    """What outlived the deployer would migrate on under what comes back; an emergency waits for nothing."""
    migrations = record.ports.migrations
    if migrations is not None and not record.run.plan.facts.get("emergency"):
        migrations.wait(record.tell)


def switch_at_once(run: Run, ports: Ports) -> None:
    """The command moves traffic itself where the release is warm: users do not wait for a runner to start.

    What it did is in the journal, so the runner goes on after it. Where anything is in the way, the runner
    meets it again and deals with it.
    """
    if not run.plan.facts.get("warm"):
        return
    actions = [step.action for step in run.plan.rollout]
    with suppress(MobiusError), ports.lock.held():
        record = Record(run, ports, forgiving=True)
        begin_going_back(record)
        ports.target.prepare()
        leave_out_lost(record)
        perform(run.plan.rollout[: actions.index("switch") + 1], record)


def begin_going_back(record: Record) -> None:
    """Says so, unless it was said."""
    run = record.run
    if run.state is not RunState.QUEUED:
        return
    why = str(run.plan.facts.get("because") or "asked for")
    way = str(run.plan.facts.get("way") or ("restore" if run.plan.facts.get("backup") else "code alone"))
    told = {"way": way, "to": run.plan.release_id, "because": why, "decided_at": run.started_at}
    words = f"going back to {run.plan.release_id}: {why}"
    record.move(RunState.ROLLING_BACK, "rollback begun", words, topic="started", data=told)


def _tell(record: Record) -> None:
    run = record.run
    if record.has_said("rolled back"):
        return
    seconds = max(0.0, record.ports.clock.now() - run.started_at)
    settings = record.ports.settings
    limits = {
        "rollback_within_s": settings.rollback_within_s,
        "emergency_within_s": settings.emergency_within_s,
    }
    told = {"to": run.plan.release_id, "seconds": round(seconds, 3), **limits}
    words = f"{run.plan.release_id} is live after {seconds:.1f} s"
    allowed_s = float(run.plan.facts.get("within_s") or settings.rollback_within_s)
    if seconds > allowed_s:
        words += f", longer than the {allowed_s:.0f} s that it may take"
    record.say("rolled back", words, told, topic="rolled back")


def refused_or_failed(record: Record, problem: Exception) -> Run:
    """The run as it ends when going back did not work; what was live is live again where that is possible."""
    why = problem.message if isinstance(problem, MobiusError) else f"{type(problem).__name__}: {problem}"
    begun = record.steps()
    touched = any(step.effect and step.id in begun for step in record.run.plan.rollout)
    own_code = getattr(problem, "exit_code", 13)
    code = own_code if not touched and own_code in REFUSALS else 13
    plan = record.run.plan
    again = put_back(
        record,
        plan.rollout,
        live_id=plan.previous_id,
        live_slot=plan.previous_slot,
        free_slot=plan.slot,
    )
    why = f"{why}; {again}" if again else why
    let_held_requests_go(record)
    environment = record.run.environment
    return record.move(
        RunState.FAILED if touched else RunState.REFUSED,
        "page" if touched else "run ended",
        f"going back failed: {why}" if touched else f"refused, nothing was changed: {why}",
        topic="alert",
        data={"sentence": why, "exit_code": code, "choices": [f"mobius status -e {environment}"]},
        exit_code=code,
        sentence=why,
    )
