"""Begins a run: closes what a dead runner left, writes the run down, and hands it to its own runner."""

from __future__ import annotations

from mobius.errors import GateFailed, Locked, MobiusError, UsageError
from mobius.flows.ahead import go_above_hosts, refuse_planned_behind_hosts
from mobius.flows.plan import refuse_unless_checks_pass
from mobius.flows.record import Record
from mobius.flows.rollback import switch_at_once
from mobius.flows.standing import standing
from mobius.flows.unwritten import go_back_unwritten
from mobius.model.plan import FORWARD, Plan
from mobius.model.run import PREEMPTIBLE, Run, RunState
from mobius.ports import Ports

SHORTEST_HASH = 8  # fewer characters fit too many plans


def begin(plan: Plan, ports: Ports, *, lead: str, wanted_hash: str = "") -> Run:
    """Writes the run and launches its runner. Raises `GateFailed`, `GateUnknown` or `Locked`, nothing changed.

    A rollback is never refused for the sake of a journal that cannot be written: it is done at once, and the
    run that is returned has ended.
    """
    if wanted_hash and len(wanted_hash) < SHORTEST_HASH:
        raise UsageError(
            f"{wanted_hash!r} is too short to name a plan", f"copy it from: mobius plan -e {plan.environment}"
        )
    if wanted_hash and not plan.hash.startswith(wanted_hash):
        raise UsageError(
            f"the plan {wanted_hash} does not hold any more: it would be {plan.hash} now",
            f"look at it: mobius plan -e {plan.environment} --tag {plan.tag}",
        )
    ports.refuse_elsewhere()
    refuse_planned_behind_hosts(plan)
    refuse_unless_checks_pass(plan)
    refuse_if_it_went_on(plan, ports)
    try:
        clear_the_way(ports)
        go_above_hosts(plan, ports, lead=lead)
        run = ports.journal.open_run(
            plan.environment, plan, lead=lead, holder=ports.holder(), now=ports.clock.now()
        )
    except Locked:
        raise
    except MobiusError as problem:
        if plan.kind != "rollback":
            raise
        return go_back_unwritten(plan, ports, lead=lead, why_not=problem)
    try:
        if plan.kind == "rollback":
            switch_at_once(run, ports)
    finally:  # Ctrl-C or a surprise here must not leave the run without anybody who carries it on
        ports.launcher.launch(run)
    return run


def refuse_if_it_went_on(plan: Plan, ports: Ports) -> None:
    """Raises `GateFailed`, nothing changed and no window or canary ended, where another release is live, or another
    canary goes on, than when the plan was made: its ways back would lead to what is there no more."""
    step = next((step for step in plan.rollout if step.action == "end_split"), None)
    if ports.commands is not None or (step is None and plan.kind not in FORWARD):
        return
    now = standing(ports)
    if now.doubts:
        return
    planned = (step.params["from"], step.params.get("canary", now.canary_id)) if step else ("", "")
    live = (now.live.id if now.live else "", now.live_slot)
    if plan.kind in FORWARD and live != (plan.previous_id, plan.previous_slot):
        found = f"{live[0]} is live in {live[1]} now" if live[0] else "nothing is live now"
    elif now.canary_slot and planned != (now.canary_slot, now.canary_id):
        found = f"a canary of {now.canary_id or 'another release'} goes on in {now.canary_slot}"
    else:
        return
    again = f"rollback -e {plan.environment}" if plan.kind == "rollback" else f"plan -e {plan.environment}"
    raise GateFailed(f"the plan does not hold any more: {found}", f"plan again: mobius {again}")


def clear_the_way(ports: Ports) -> None:
    """Ends a run that never began because its runner never came, and a watch that is about to begin: it touches
    nothing, as an open one. Raises `Locked` for one that is under way, or that was left in the middle: that one
    wants `resume` or `abort`."""
    environment = ports.settings.name
    run = ports.journal.active_run(environment)
    if run is None or run.state in PREEMPTIBLE:
        return
    if run.kind == "monitor" and run.state is RunState.QUEUED:
        _end(run, ports, RunState.SUPERSEDED, "a newer run came before it began")
        return
    if ports.lock.holder() or ports.launcher.alive(run):
        raise Locked(
            f"{environment} is locked by run {run.id} ({run.kind} {run.plan.tag}, {run.state}): {run.holder}",
            f"watch it: mobius monitor -e {environment}; end it: mobius abort -e {environment}",
        )
    if run.state is RunState.QUEUED and not ports.journal.steps(run.id):
        _end(run, ports, RunState.ABORTED, "its runner never came")
        return
    raise Locked(
        f"run {run.id} ({run.kind} {run.plan.tag}) was left in the middle ({run.state}) and nobody carries it on",
        f"finish it: mobius resume -e {environment}; or take it back: mobius abort -e {environment}",
    )


def _end(run: Run, ports: Ports, state: RunState, why: str) -> None:
    taken = ports.journal.take_over(run, holder=ports.holder(), now=ports.clock.now())
    Record(taken, ports).move(state, "run ended", why, sentence=why)
