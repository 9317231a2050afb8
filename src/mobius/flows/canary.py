"""The canary: some requests first, then more, each stage ended by evidence. Between two writes it only observes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from mobius.errors import Fenced, Locked
from mobius.flows.before import tick_s
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
            with turn_in_a_stage(record):
                perform([step], record)


@contextmanager
def turn_in_a_stage(record: Record) -> Iterator[None]:
    """The environment's lock, however long another holds it: two releases have requests, and a runner that ended
    would leave them unwatched. Raises `Fenced` once a newer run took over."""
    ports = record.ports
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(turn(ports))
                break
            except Fenced:
                raise
            except Locked as problem:
                record.on_the_way_back().say("waiting", f"the stage cannot end yet: {problem.message}")
                ports.clock.wait(tick_s(ports.settings, staged=True))
        yield
