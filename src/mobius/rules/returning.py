"""From facts to the plan of a rollback that a person asked for: warm, cold, or with the data of a backup."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mobius.model.plan import Plan, PlannedCheck, Step, Way
from mobius.model.proven import NOTHING_PROVEN, Proven
from mobius.model.settings import EnvironmentSettings
from mobius.rules import canary
from mobius.rules import steps as make
from mobius.rules.planning import with_hash
from mobius.rules.ways_back import Side, code_alone, is_opaque, with_data


@dataclass(frozen=True, slots=True)
class ReturnFacts:
    """What is live, what to return to, and how."""

    settings: EnvironmentSettings
    service: str
    live: Side
    target: Side
    target_tag: str
    live_tag: str = ""
    held: bool = False  # requests may still wait, for a run that stands still
    warm: bool = False  # the target's web processes are up and kept healthy
    down: tuple[str, ...] = ()  # migrations that are taken back on the way, as the rehearsal proved
    unproven: str = ""  # why nobody knows whether the target works on the schema as it is
    proven: Proven = NOTHING_PROVEN  # of the deployment that made the live release live
    backup: str = ""  # path of an archive whose code and data are to come back
    restore_s: float = 0.0  # how long its rehearsal's restore took
    emergency: bool = False
    even_if_open: bool = False  # although a process that is not the service's has the data open
    also: tuple[str, ...] = ()  # services that share the data, and are named
    losing: dict[str, Any] | None = None  # what would be lost, as it was compared
    skipped: tuple[str, ...] = ()  # archives that were passed over in the choice, and why
    because: str = ""
    split_with: str = ""  # the slot of a canary that still gets requests, and is not what this goes back from
    split_id: str = ""  # the release in it
    checks: tuple[PlannedCheck, ...] = ()
    tool_version: str = ""

    @property
    def way(self) -> Way:
        """By which way this goes back."""
        if self.backup:
            return Way.RESTORE
        return Way.DOWN if self.down else Way.CODE_ALONE


def compose_rollback(facts: ReturnFacts) -> Plan:
    """A rollback as a plan of its own: its steps are the way back, and it has no further way back."""
    first = (
        [canary.end_split(facts.live.slot, facts.split_with, facts.live.release_id, facts.split_id)]
        if facts.split_with
        else []
    )
    steps = make.numbered("return", [*first, *_steps(facts)])
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
        acceptance=make.numbered("accept", [*([make.let_go()] if facts.backup else []), make.prune()]),
        checks=facts.checks,
        facts={
            "because": facts.because,
            "warm": facts.warm,
            "backup": facts.backup,
            "way": str(facts.way),
            **({"ways": [asdict(way) for way in facts.proven.ways]} if facts.proven.ways else {}),
            **({"unproven": facts.unproven} if facts.unproven else {}),
            "emergency": facts.emergency,
            "within_s": within_s(facts.settings, emergency=facts.emergency),
            **({"also": list(facts.also)} if facts.also else {}),
            **({"losing": facts.losing} if facts.losing is not None else {}),
            **({"skipped": list(facts.skipped)} if facts.skipped else {}),
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
        prepared = [make.prepare_data(facts.backup, facts.restore_s)]
        restore = make.restore_data(facts.backup, even_if_open=facts.even_if_open)
        steps = with_data(facts.settings, facts.live, facts.target, prepared, restore)
        first = [make.verify_file(facts.backup), make.restore_release(facts.backup)]
        return [*first, *steps, make.list_lost(facts.backup)]
    if facts.down:
        return with_data(
            facts.settings,
            facts.live,
            facts.target,
            [],
            make.take_down(facts.live.release_id, facts.down, opaque=is_opaque(facts.settings)),
        )
    back = code_alone(facts.settings, facts.live, facts.target, held=facts.held)
    return back if facts.warm else [make.stop(facts.target.slot, "make room", "start"), *back]


def within_s(settings: EnvironmentSettings, *, emergency: bool) -> float:
    """How long going back may take."""
    return settings.emergency_within_s if emergency else settings.rollback_within_s
