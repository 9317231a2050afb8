"""What a person may say to a run: carry on, take it back, keep it, watch this."""

from __future__ import annotations

from mobius.errors import GateFailed, Locked, MobiusError, UsageError
from mobius.flows.actions.action import own_backup_name
from mobius.flows.actions.stage import canary_words
from mobius.flows.ahead import refuse_behind_hosts
from mobius.flows.carry_on import superseded_another, watch_what_is_live
from mobius.flows.monitor import accept
from mobius.flows.perform import perform
from mobius.flows.reconcile import reconcile
from mobius.flows.record import Record
from mobius.flows.take_back import stop_for_a_person
from mobius.flows.turn import turn
from mobius.flows.way_back import proven_now, schema_now, way_now
from mobius.model.emergency import TAKEN_IN
from mobius.model.plan import FORWARD
from mobius.model.run import Run, RunState
from mobius.ports import Ports
from mobius.report.ways import choices_between
from mobius.rules.canary import is_in_a_stage
from mobius.rules.choosing import AFTER, phase_of, touched

ACCEPTABLE = (RunState.OBSERVING, RunState.INCONCLUSIVE, RunState.NEEDS_OPERATOR)


def resume(ports: Ports, *, step_done: bool | None = None) -> Run:
    """Launches the runner of the run that stands still. `step_done` answers for the step nobody could see. A way back
    that went past the journal is written down there first; where that has ended, it is all there is to do."""
    ports.refuse_elsewhere()
    reconcile(ports)
    if (done := _taken_in(ports)) is not None:
        return done
    run = _standing_still(ports)
    refuse_behind_hosts(ports)
    if run.state is RunState.NEEDS_OPERATOR:
        run = _answered(run, ports, step_done)
    elif step_done is not None:
        raise UsageError(f"run {run.id} has no step in doubt", f"mobius resume -e {run.environment}")
    ports.target.prepare()
    ports.launcher.launch(run)
    return run


def _taken_in(ports: Ports) -> Run | None:
    """The newest run, where that went past the journal, has ended, and is written down."""
    newest = ports.journal.runs(ports.settings.name, 1)
    if not newest or not newest[0].ended or ports.journal.active_run(ports.settings.name) is not None:
        return None
    told = ports.journal.events(run_id=newest[0].id, kinds=(TAKEN_IN,))
    return newest[0] if told else None


def abort(ports: Ports, *, who: str) -> Run:
    """Stops the run where it is and takes back what it did, in its window too."""
    ports.refuse_elsewhere()
    run = ports.journal.active_run(ports.settings.name)
    if run is None:
        raise UsageError("there is nothing to abort", f"to go back: mobius rollback -e {ports.settings.name}")
    if run.kind == "rollback" and run.state is RunState.ROLLING_BACK:
        raise UsageError(
            f"run {run.id} is going back, and half a way back helps nobody",
            f"watch it: mobius monitor -e {run.environment}; if it stands still: mobius resume -e {run.environment}",
        )
    refuse_behind_hosts(ports)
    ports.launcher.stop(run)
    run = ports.journal.take_over(run, holder=ports.holder(), now=ports.clock.now())
    record = Record(run, ports)
    because = f"aborted by {who}"
    if run.kind not in FORWARD:
        return record.move(RunState.ABORTED, "run ended", because, sentence=because)
    way = way_now(record)
    if way is None and touched(run.plan, record.steps().keys()):
        return _stopped_without_a_way_back(record, because)
    if way is None:
        return _stopped_before_any_effect(record, because)
    told = {
        "way": str(way.way),
        "to": run.plan.previous_id,
        "because": because,
        "decided_at": ports.clock.now(),
    }
    run = record.move(
        RunState.ROLLING_BACK, "rollback begun", because, topic="started", data=told, sentence=because
    )
    ports.target.prepare()
    ports.launcher.launch(run)
    return run


def _stopped_before_any_effect(record: Record, because: str) -> Run:
    """An earlier canary that this run took over does not stay in its stage, nor what is live unwatched."""
    try:
        changed = _end_canary_of_another(record)
    except Locked:
        raise
    except MobiusError as problem:
        return stop_for_a_person(record, problem)
    run = record.move(RunState.ABORTED, "run ended", f"{because}; {changed}", sentence=because)
    if run.plan.previous_id and superseded_another(run, record.ports):
        watch_what_is_live(run, record.ports)
    return run


def _end_canary_of_another(record: Record) -> str:
    """Its first step, where that is to end a canary; what was changed, in words."""
    plan, steps = record.run.plan, record.steps()
    step = next((step for step in plan.rollout if step.action == "end_split"), None)
    if step is None:
        return "nothing was changed"
    if step.id not in steps or not steps[step.id].is_done:
        try:
            with turn(record.ports):
                perform([step], record)
        except GateFailed as refused:
            return f"nothing was changed: {refused.message}"
    return f"the earlier canary is over and {plan.previous_id} has all requests; nothing else was changed"


def _stopped_without_a_way_back(record: Record, because: str) -> Run:
    """What runs is ended; what it has changed stays changed, and that is said."""
    run, commands = record.run, record.ports.commands
    if commands is not None:
        commands.end(f"run-{run.id}-")
    half = schema_now(record).half
    why = f"{half}, so no way" if half else "no way"
    told = f"{because}; what was begun is not taken back: {why} back may be taken without asking"
    is_live = phase_of(run.plan, record.steps().keys()) == AFTER
    choices = choices_between(run.plan, proven_now(record), own_backup_name(record), is_live=is_live)
    data = {"sentence": told, "choices": choices, "exit_code": 1}
    return record.move(RunState.ABORTED, "page", told, topic="alert", data=data, exit_code=1, sentence=told)


def accept_by_hand(ports: Ports, *, who: str) -> Run:
    """Ends the window now: the live release is kept, the old one stops. One that was accepted meanwhile stays so."""
    ports.refuse_elsewhere()
    environment = ports.settings.name
    run = ports.journal.active_run(environment)
    if run is None:
        newest = ports.journal.runs(environment, 1)
        if newest and newest[0].state is RunState.ACCEPTED:
            return newest[0]
        run = newest[0] if newest and newest[0].state is RunState.INCONCLUSIVE else None
    if run is None or run.state not in ACCEPTABLE:
        raise UsageError("there is no open window to accept", f"mobius status -e {environment}")
    if is_in_a_stage(run):
        raise UsageError(
            f"run {run.id} cannot be accepted yet: {canary_words(run, ports) or 'its canary goes on'}",
            f"watch it: mobius monitor -e {environment}; all at once: mobius deploy -e {environment} --no-canary",
        )
    if not _has_all_traffic(run, ports):
        raise UsageError(
            f"run {run.id} cannot be accepted: it stopped before its release was live: {run.sentence}",
            f"mobius resume -e {environment} --done, or --again, or mobius abort -e {environment}",
        )
    refuse_behind_hosts(ports)
    ports.launcher.stop(run)
    run = ports.journal.take_over(run, holder=ports.holder(), now=ports.clock.now())
    if run.state not in ACCEPTABLE or not _has_all_traffic(run, ports):
        # Its runner decided while we were asking: the old release is live again, or about to be.
        if not run.ended:
            ports.launcher.launch(run)
        raise UsageError(
            f"run {run.id} cannot be accepted any more: it is {run.state}", f"mobius status -e {environment}"
        )
    return accept(Record(run, ports), who)


def _standing_still(ports: Ports) -> Run:
    environment = ports.settings.name
    run = ports.journal.active_run(environment)
    if run is None:
        newest = ports.journal.runs(environment, 1)
        if newest and newest[0].state is RunState.FAILED:
            raise UsageError(
                f"run {newest[0].id} failed on its way back and is closed",
                f"mobius rollback -e {environment}",
            )
        raise UsageError("there is nothing to resume", f"mobius status -e {environment}")
    if run.state is not RunState.NEEDS_OPERATOR and ports.launcher.alive(run):
        raise UsageError(
            f"run {run.id} is going on ({run.state})", f"watch it: mobius monitor -e {environment}"
        )
    return run


def _answered(run: Run, ports: Ports, step_done: bool | None) -> Run:
    doubtful = [record for record in ports.journal.steps(run.id) if not record.is_done]
    if step_done is None or not doubtful:
        raise UsageError(
            f"run {run.id} waits for your answer: {run.sentence}",
            f"mobius resume -e {run.environment} --done, or --again, or mobius abort -e {run.environment}",
        )
    run = ports.journal.take_over(run, holder=ports.holder(), now=ports.clock.now())
    record = Record(run, ports)
    step = run.plan.step(doubtful[-1].step_id)
    assert step is not None
    if step_done:
        record.done(step, {"observed": "a person said so"})
    else:
        record.failed(step, "a person said that it did not happen")
    return record.move(
        _state_at(run, step.id), "run begun", f"a person answered for {step.title}", sentence="", exit_code=0
    )


def _state_at(run: Run, step_id: str) -> RunState:
    """What the run was doing when it came to this step."""
    if any(step.id == step_id for step in run.plan.acceptance):
        return RunState.OBSERVING
    forward = run.kind in FORWARD and any(step.id == step_id for step in run.plan.rollout)
    return RunState.RUNNING if forward else RunState.ROLLING_BACK


def _has_all_traffic(run: Run, ports: Ports) -> bool:
    """Whether every step to the release's window is done, so that the old one may stop."""
    done = {record.step_id for record in ports.journal.steps(run.id) if record.is_done}
    back = {step.id for way in run.plan.ways_back for step in way.steps}
    return all(step.id in done for step in run.plan.rollout) and done.isdisjoint(back)
