"""The deployment, in one straight line: prove, bring up, take traffic, watch; or walk back."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.errors import GateFailed, Locked, MobiusError
from mobius.flows.actions.action import own_backup_name
from mobius.flows.monitor import monitor, open_window
from mobius.flows.perform import NeedsPerson, perform
from mobius.flows.record import Record
from mobius.flows.take_back import let_held_requests_go, stop_for_a_person, take_back
from mobius.flows.turn import turn
from mobius.flows.way_back import proven_now, schema_now, way_now
from mobius.model.plan import Step
from mobius.model.run import Run, RunState
from mobius.ports import Ports
from mobius.report.ways import choices_between
from mobius.rules.choosing import AFTER, INSIDE, phase_of, touched


def deploy(run: Run, ports: Ports) -> Run:
    """Carries the run from wherever it stands to its window and through it, until ended or taken over."""
    with turn(ports):
        record = Record(run, ports)
        if run.state is RunState.QUEUED:
            _begin(record)
        try:
            proving, touching = before_and_from_the_first_effect(run.plan.rollout)
            perform(proving, record)
            ports.target.prepare()
            perform(touching, record)
            open_window(record)
        except Locked:
            raise
        except NeedsPerson as doubt:
            return stop_for_a_person(record, doubt)
        except Exception as problem:
            return refuse_or_take_back(record, problem)
    return monitor(record.run, ports)


def _begin(record: Record) -> None:
    plan = record.run.plan
    words = f"{'restarting' if plan.kind == 'restart' else 'deploying'} {plan.tag}"
    told = {"plan_hash": plan.hash, "tag": plan.tag}
    if despite := plan.facts.get("despite_freeze"):
        words, told = f"{words}, despite the freeze: {despite}", {**told, "despite_freeze": despite}
    record.move(RunState.RUNNING, "run begun", words, topic="started", data=told)


def before_and_from_the_first_effect(steps: Sequence[Step]) -> tuple[Sequence[Step], Sequence[Step]]:
    """The gates answer before even the front door is set up anew."""
    first = next((place for place, step in enumerate(steps) if step.effect), len(steps))
    return steps[:first], steps[first:]


def refuse_or_take_back(record: Record, problem: Exception) -> Run:
    """Before any effect the answer is no; after one, everything is undone."""
    because = problem.message if isinstance(problem, MobiusError) else f"{type(problem).__name__}: {problem}"
    back = record.on_the_way_back()
    way = way_now(back)
    if way is not None:
        return take_back(back, way, because=because)
    begun = back.steps().keys()
    if touched(record.run.plan, begun):
        return leave_to_a_person(back, because)
    details = list(problem.details) if isinstance(problem, MobiusError) else []
    hint = problem.hint if isinstance(problem, MobiusError) else ""
    code = _code_of_a_refusal(problem)
    return record.move(
        RunState.REFUSED,
        "run ended",
        f"refused, nothing was changed: {because}",
        topic="failed",
        data={"exit_code": code, "details": details, "hint": hint},
        exit_code=code,
        sentence=because,
    )


def leave_to_a_person(back: Record, because: str) -> Run:
    """Only a person may choose the way back; nobody waits for that in a hold."""
    if phase_of(back.run.plan, back.steps().keys()) == INSIDE:
        let_held_requests_go(back)
    half = schema_now(back).half
    return stop_for_a_person(back, no_way_back(back, f"{because}; {half}" if half else because))


def no_way_back(record: Record, because: str) -> MobiusError:
    """Something was changed, and no way back may be taken without asking."""
    environment = record.run.environment
    hint = f"mend it and do it again: mobius resume -e {environment} --again"
    is_live = phase_of(record.run.plan, record.steps().keys()) == AFTER
    ways = choices_between(record.run.plan, proven_now(record), own_backup_name(record), is_live=is_live)
    return MobiusError(f"{because}; no way back may be taken without asking", "; or ".join([hint, *ways]))


def _code_of_a_refusal(problem: Exception) -> int:
    """A build or a rehearsal that fails is a no like that of a gate; only what we did not expect is an error."""
    if not isinstance(problem, MobiusError):
        return 1
    return GateFailed.exit_code if problem.exit_code == MobiusError.exit_code else problem.exit_code
