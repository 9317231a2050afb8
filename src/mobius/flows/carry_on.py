"""Takes a run from wherever the journal says it stands: what a runner does."""

from __future__ import annotations

from dataclasses import replace

from mobius.errors import MobiusError
from mobius.flows.deploy import deploy
from mobius.flows.monitor import monitor
from mobius.flows.record import Record
from mobius.flows.rollback import rollback
from mobius.flows.take_back import take_back
from mobius.model.plan import Plan
from mobius.model.run import Run, RunState
from mobius.ports import Ports
from mobius.rules.planning import with_hash
from mobius.rules.ways_back import choose

AFTER_ROLLBACK_S = 7200.0  # the watch over what came back


def carry_on(run_id: int, ports: Ports) -> Run:
    """Continues this run and returns it ended, waiting for a person, or taken over by a newer one."""
    run = ports.journal.run(run_id)
    if run.ended or run.state is RunState.NEEDS_OPERATOR:
        return run
    run = ports.journal.take_over(run, holder=ports.holder(), now=ports.clock.now())
    match run.state:
        case RunState.OBSERVING:
            run = monitor(run, ports)
        case RunState.ROLLING_BACK if run.kind == "deploy":
            run = _finish_taking_back(run, ports)
        case _ if run.kind == "rollback":
            run = rollback(run, ports)
        case _:
            run = deploy(run, ports)
    if run.state is RunState.ROLLED_BACK and run.kind == "deploy" and run.plan.previous_id:
        watch_what_came_back(run, ports)
    return run


def _finish_taking_back(run: Run, ports: Ports) -> Run:
    with ports.lock.held():
        ports.target.prepare()
        record = Record(run, ports, forgiving=True)
        way = choose(run.plan, record.steps().keys())
        if way is None:
            raise MobiusError(f"run {run.id} is going back but touched nothing", "mobius status")
        return take_back(record, way, because=run.sentence)


def watch_what_came_back(run: Run, ports: Ports) -> None:
    """Two hours over the release that is live again; it has no further way back, so bad news only pages."""
    plan = with_hash(
        Plan(
            kind="monitor",
            service=run.plan.service,
            environment=run.environment,
            tag=run.plan.tag,
            release_id=run.plan.previous_id,
            previous_id="",
            slot=run.plan.previous_slot,
            previous_slot="",
            rollout=(),
            ways_back=(),
            acceptance=(),
            facts={**run.plan.facts, "window_s": AFTER_ROLLBACK_S, "auto_rollback": False},
            tool_version=run.plan.tool_version,
        )
    )
    now = ports.clock.now()
    watch = ports.journal.open_run(
        run.environment, replace(plan), lead=run.lead, holder=ports.holder(), now=now
    )
    ports.launcher.launch(watch)
