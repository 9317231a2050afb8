"""The deployment, in one straight line: prove, bring up, take traffic, watch; or walk back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mobius.errors import Fenced, GateFailed, Locked, MobiusError
from mobius.flows.actions.action import own_backup_name
from mobius.flows.bad_hosts import put_back_before
from mobius.flows.canary import canary, turn_in_a_stage
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
from mobius.rules.canary import first_stage, is_in_a_stage, past_stages
from mobius.rules.choosing import AFTER, INSIDE, phase_of, touched


def deploy(run: Run, ports: Ports) -> Run:
    """Carries the run from wherever it stands to its window and through it, until ended or taken over."""
    record = Record(run, ports)
    staged = past_stages(run.plan) > 0
    with turn_in_a_stage(record) if is_in_a_stage(run) else turn(ports):
        ended = _tried(record, _to_some_requests if staged else _to_the_window)
    if staged and ended is None:
        ended = _stage_by_stage(record)
    return ended or monitor(record.run, ports)


def _to_the_window(record: Record) -> None:
    """All that is left to do, until the release has every request."""
    _bring_up(record, len(record.run.plan.rollout))
    open_window(record)


def _to_some_requests(record: Record) -> None:
    """Until the first of them meet the release; a runner that carries on later finds it all done."""
    first = first_stage(record.run.plan)
    assert first is not None
    _bring_up(record, first + 1)


def _bring_up(record: Record, until: int) -> None:
    if record.run.state is RunState.QUEUED:
        _begin(record)
    proving, touching = before_and_from_the_first_effect(record.run.plan.rollout[:until])
    perform(proving, record)
    record.ports.target.prepare()
    if record.steps().keys().isdisjoint(step.id for step in touching):
        put_back_before(record)  # later it would miss the health gate of the new release
    perform(touching, record)


def _stage_by_stage(record: Record) -> Run | None:
    """The canary without the lock, then the rest with it. None once the window is open."""
    ports = record.ports
    try:
        try:
            canary(record)
        except Locked:
            raise
        except Exception as problem:
            with turn_in_a_stage(record):
                return _settled(record, problem)
        with turn_in_a_stage(record):
            if record.run.state is RunState.OBSERVING:
                record.move(
                    RunState.RUNNING, "canary passed", f"{record.run.plan.release_id} gets all requests"
                )
            return _tried(record, _to_the_window)
    except Fenced:
        return ports.journal.run(record.run.id)


def _tried(record: Record, act: Callable[[Record], None]) -> Run | None:
    """None where all went well, else the run as it ended or stopped."""
    try:
        act(record)
    except Locked:
        raise
    except Exception as problem:
        return _settled(record, problem)
    return None


def _settled(record: Record, problem: Exception) -> Run:
    if isinstance(problem, NeedsPerson):
        return stop_for_a_person(record, problem)
    return refuse_or_take_back(record, problem)


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
