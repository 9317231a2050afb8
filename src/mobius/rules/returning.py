"""From facts to the plan of a rollback that a person asked for: warm, cold, or with the data of a backup."""

from __future__ import annotations

from dataclasses import dataclass

from mobius.model.plan import Plan, PlannedCheck, Step
from mobius.model.settings import EnvironmentSettings
from mobius.rules import steps as make
from mobius.rules.planning import with_hash
from mobius.rules.ways_back import Side, code_alone, with_data


@dataclass(frozen=True, slots=True)
class ReturnFacts:
    """What is live, what to return to, and how."""

    settings: EnvironmentSettings
    service: str
    live: Side
    target: Side
    target_tag: str
    live_tag: str = ""
    warm: bool = False  # the target's web processes are up and kept healthy
    backup: str = ""  # path of an archive whose code and data are to come back
    emergency: bool = False
    because: str = ""
    checks: tuple[PlannedCheck, ...] = ()
    tool_version: str = ""


def compose_rollback(facts: ReturnFacts) -> Plan:
    """A rollback as a plan of its own: its steps are the way back, and it has no further way back."""
    steps = make.numbered("return", _steps(facts))
    return returning(facts, steps, slot=facts.target.slot, previous_slot=facts.live.slot)


def returning(facts: ReturnFacts, steps: tuple[Step, ...], *, slot: str, previous_slot: str) -> Plan:
    """These steps as the plan of a rollback, with its window of two hours."""
    plan = Plan(
        kind="rollback",
        service=facts.service,
        environment=facts.settings.name,
        tag=facts.target_tag,
        release_id=facts.target.release_id,
        previous_id=facts.live.release_id,
        slot=slot,
        previous_slot=previous_slot,
        rollout=steps,
        ways_back=(),
        acceptance=make.numbered("accept", [make.prune()]),
        checks=facts.checks,
        facts={
            "because": facts.because,
            "warm": facts.warm,
            "backup": facts.backup,
            "emergency": facts.emergency,
            "policy": facts.settings.policy.name,
            "policy_base": facts.settings.policy.base,
            "interval_s": facts.settings.monitor.interval_s,
            "window_s": 7200.0,
            "url": facts.settings.url,
            "auto_rollback": False,
        },
        tool_version=facts.tool_version,
    )
    return with_hash(plan)


def _steps(facts: ReturnFacts) -> list[Step]:
    if facts.backup:
        steps = with_data(facts.settings, facts.live, facts.target, make.restore_data(facts.backup))
        return [make.verify_file(facts.backup), make.restore_release(facts.backup), *steps]
    if facts.warm:
        return code_alone(facts.live, facts.target)
    return [make.stop(facts.target.slot, "make room", "start"), *code_alone(facts.live, facts.target)]
