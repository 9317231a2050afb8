"""Takes a run from wherever the journal says it stands: what a runner does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mobius.errors import Fenced, Locked, MobiusError
from mobius.flows.actions.action import known_releases
from mobius.flows.deploy import deploy, leave_to_a_person
from mobius.flows.monitor import monitor, watch_from_now
from mobius.flows.plan_watch import plan_watch
from mobius.flows.record import Record
from mobius.flows.rollback import rollback
from mobius.flows.take_back import take_back
from mobius.flows.turn import turn
from mobius.flows.way_back import proven_now, way_now
from mobius.model.plan import Plan
from mobius.model.run import Run, RunState
from mobius.ports import Commands, Ports
from mobius.rules.canary import is_in_a_stage
from mobius.rules.choosing import touched, unasked
from mobius.rules.planning import with_hash

CHOSEN_BY = ("ways", "old", "at", "migrate_s")  # of the facts of a rehearsal
BEHIND = "behind the hosts"  # an event's kind
AFTER_ROLLBACK_S = 7200.0  # the watch over what came back


def carry_on(run_id: int, ports: Ports) -> Run:
    """Continues this run and returns it ended, waiting for a person, or taken over by a newer one."""
    run = ports.journal.run(run_id)
    if not run.ended and run.state is not RunState.NEEDS_OPERATOR:
        run = _continue(_take(run, ports), ports)
    if run.kind != "rollback" and run.plan.previous_id and _is_unwatched(run, ports):
        watch_what_is_live(run, ports)
    return run


def _is_unwatched(run: Run, ports: Ports) -> bool:
    """Whether the run left its predecessor live: it was taken back, or was refused after it ended the window of
    the release before."""
    if run.state is not RunState.REFUSED:
        return run.state is RunState.ROLLED_BACK
    return superseded_another(run, ports)


def superseded_another(run: Run, ports: Ports) -> bool:
    """Whether the run ended the window, or the canary, of the run before it."""
    record = Record(run, ports, forgiving=True)
    runs = record.read(lambda: ports.journal.runs(run.environment))
    before = next((other for other in runs if other.id < run.id), None)
    return before is not None and before.state is RunState.SUPERSEDED


def _take(run: Run, ports: Ports) -> Run:
    """The run in our hands. A full disk does not keep a runner from watching, or from going back."""
    try:
        taken = ports.journal.take_over(run, holder=ports.holder(), now=ports.clock.now())
        _fence(taken, ports)
        return taken
    except Locked:
        raise
    except MobiusError as problem:
        watching_or_back = run.state in (RunState.OBSERVING, RunState.ROLLING_BACK) or run.kind == "rollback"
        Record(run, ports, forgiving=watching_or_back).forgive(problem)
        return run


def _fence(run: Run, ports: Ports) -> None:
    """From here on the hosts take nothing older. Raises `Fenced` where one has seen a newer run: one that this journal
    knows says so itself, any other is told to a person, once."""
    try:
        ports.target.fence(run.token)
    except Fenced as overtaken:
        record = Record(run, ports)
        if not record.has_said(BEHIND):
            choices = [f"mobius status -e {run.environment}"]
            told = {"sentence": overtaken.message, "exit_code": overtaken.exit_code, "choices": choices}
            words = f"run {run.id} may not act on the hosts: {overtaken.message}"
            record.say(BEHIND, words, told, topic="alert")
        raise


def _continue(run: Run, ports: Ports) -> Run:
    match run.state:
        case RunState.OBSERVING if run.kind != "rollback" and _traffic_is_back(run, ports):
            return _finish_taking_back(run, ports)
        case RunState.OBSERVING if is_in_a_stage(run):
            return deploy(run, ports)
        case RunState.OBSERVING:
            return monitor(run, ports)
        case RunState.ROLLING_BACK if run.kind != "rollback":
            return _finish_taking_back(run, ports)
        case _ if run.kind == "monitor":
            return watch_from_now(run, ports)
        case _ if run.kind == "rollback":
            return rollback(run, ports)
        case _ if _has_turned_back(run, ports):
            return _finish_taking_back(run, ports)
        case _:
            return deploy(run, ports)


def _has_turned_back(run: Run, ports: Ports) -> bool:
    """Whether it was going back, although a full disk kept the journal from being told so."""
    back = {step.id for way in run.plan.ways_back for step in way.steps}
    return not back.isdisjoint(record.step_id for record in ports.journal.steps(run.id))


def _traffic_is_back(run: Run, ports: Ports) -> bool:
    """Whether traffic was moved back from its release while no journal could be written: watching on, and
    accepting in the end, would stop what is live."""
    if ports.commands is not None:
        return _says_it_is_the_previous(run, ports.commands)
    if not run.plan.previous_slot:
        return False
    weights = ports.traffic.weights()
    return weights.get(run.plan.previous_slot, 0) > 0 and weights.get(run.plan.slot, 0) == 0


def _says_it_is_the_previous(run: Run, commands: Commands) -> bool:
    """Where somebody else's commands went back; what cannot be asked is watched on."""
    previous_tag = str(run.plan.facts.get("previous_tag") or "")
    if run.kind != "deploy" or not previous_tag or previous_tag == run.plan.tag:
        return False
    try:
        return commands.version() == previous_tag
    except MobiusError:
        return False


def _finish_taking_back(run: Run, ports: Ports) -> Run:
    with turn(ports):
        record = Record(run, ports, forgiving=True)
        way = way_now(record)
        if way is None and run.kind == "monitor":
            way = unasked(run.plan, proven=proven_now(record))
        if way is None and touched(run.plan, record.steps().keys()):
            return leave_to_a_person(record, run.sentence or "it was going back")
        if way is None:
            told = "taken back before anything was touched"
            return record.move(
                RunState.ABORTED,
                "run ended",
                told,
                topic="failed",
                data={"exit_code": 1},
                exit_code=1,
                sentence=told,
            )
        ports.target.prepare()
        return take_back(record, way, because=run.sentence or "traffic had gone back already")


def watch_what_is_live(run: Run, ports: Ports) -> None:
    """Over the release that is live (again): two hours in which bad news only pages; or, where a deployment that
    changed nothing had ended a window, what was left of that window, with its way back.

    Repeating it, or coming when somebody has already done something newer, changes nothing. It may fail
    without making a rollback any less done.
    """
    record = Record(run, ports, forgiving=True)
    try:
        newest = ports.journal.runs(run.environment, limit=1)[0]
        if newest.id == run.id:
            plan = _window_it_ended(run, record) or _two_hours(run, record)
            holder, now = ports.holder(), ports.clock.now()
            newest = ports.journal.open_run(run.environment, plan, lead=run.lead, holder=holder, now=now)
        if newest.kind == "monitor" and not newest.ended:
            ports.launcher.launch(newest)
    except MobiusError as problem:
        record.log(f"nobody watches what is live: {problem.message}")


def _window_it_ended(run: Run, record: Record) -> Plan | None:
    """What is left of the window that a deployment had ended which then was refused, or aborted before any effect,
    with its way back: nothing of it was touched."""
    if run.state not in (RunState.REFUSED, RunState.ABORTED):
        return None
    runs = record.read(lambda: record.ports.journal.runs(run.environment))
    before = next((other for other in runs if other.id < run.id), None)
    if before is None or before.state is not RunState.SUPERSEDED or not before.window_deadline:
        return None
    left_s = max(before.window_deadline - record.ports.clock.now(), record.ports.settings.monitor.interval_s)
    facts = {**before.plan.facts, "window_s": left_s, **_proven_in(before, record)}
    return with_hash(replace(before.plan, kind="monitor", rollout=(), facts=facts))


def _proven_in(before: Run, record: Record) -> dict[str, Any]:
    """What the rehearsal of that run said of its ways back: whoever watches on chooses by it, too."""
    rehearsed = {step.id for step in before.plan.rollout if step.action == "rehearse"}
    steps = record.read(lambda: record.ports.journal.steps(before.id))
    found = next(
        (step.result for step in steps if step.step_id in rehearsed and step.result.get("ways")), None
    )
    return {"proven": {name: found[name] for name in CHOSEN_BY if name in found}} if found else {}


def _two_hours(run: Run, record: Record) -> Plan:
    tags = {release.id: release.tag for release in known_releases(record)}
    live_id = run.plan.previous_id
    return plan_watch(
        record.ports,
        live_id,
        tags.get(live_id, live_id),
        run.plan.previous_slot,
        window_s=AFTER_ROLLBACK_S,
        tool_version=run.plan.tool_version,
    )
