"""The canary: some requests first, then more, each stage ended by evidence. Between two writes it only observes."""

from __future__ import annotations

from mobius.flows.perform import perform
from mobius.flows.record import Record
from mobius.flows.turn import turn
from mobius.model.run import RunState
from mobius.rules.canary import first_stage, past_stages


def canary(record: Record) -> None:
    """Every stage that is left. The lock is held for the writes alone, so that `rollback`, `abort` and a newer
    deployment may take over in between. Raises `StageFailed`, `StageUndecided`, and what a write raises."""
    plan = record.run.plan
    if record.run.state is not RunState.OBSERVING:
        words = f"{plan.release_id} gets some requests beside {plan.previous_id}"
        record.move(RunState.OBSERVING, "canary begun", words, data={"stages": plan.facts.get("stages")})
    for step in plan.rollout[first_stage(plan) : past_stages(plan)]:
        if step.action == "see_stage":
            perform([step], record)
        else:
            with turn(record.ports):
                perform([step], record)
