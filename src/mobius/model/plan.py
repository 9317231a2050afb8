"""A deployment as data: the steps forward, and every way back as an explicit list of steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

PLAN_SCHEMA = 1
FORWARD = ("deploy", "restart")  # kinds of run that bring a release to traffic, with a way back


class Repeat(StrEnum):
    """What may be done with a step that was begun and not known to be done."""

    REPEATABLE = "repeatable"  # doing it twice is the same as once
    OBSERVABLE = "observable"  # look first: done, or not done
    ASK = "ask a human"  # neither: stop and print the two safe choices


class Way(StrEnum):
    """The kinds of way back."""

    CODE_ALONE = "code alone"
    DOWN = "down"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a run does. `action` names the code that does it; `params` is all that code is told."""

    id: str
    phase: str
    action: str
    title: str
    params: dict[str, Any] = field(default_factory=dict)
    repeat: Repeat = Repeat.REPEATABLE
    expected_s: float = 1.0
    effect: bool = False  # touches what serves; before the first such step a failure is a refusal


@dataclass(frozen=True, slots=True)
class WayBack:
    """How to return to the previous release from `phase` on ("before traffic" or "after traffic")."""

    phase: str
    way: Way
    steps: tuple[Step, ...]
    expected_s: float
    loses: str  # one sentence; "nothing" where nothing is lost
    proven: str = "not proven"


@dataclass(frozen=True, slots=True)
class PlannedCheck:
    """A question asked before anything is changed, with the answer it had when the plan was printed."""

    name: str
    question: str
    outcome: str = ""
    answer: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one run may do. `hash` covers all of it but times and the names of files to be made."""

    kind: str  # "deploy", "restart", "rollback", "monitor"
    service: str
    environment: str
    tag: str
    release_id: str
    previous_id: str  # "" on the first deployment
    slot: str
    previous_slot: str
    rollout: tuple[Step, ...]
    ways_back: tuple[WayBack, ...]
    acceptance: tuple[Step, ...]
    checks: tuple[PlannedCheck, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)  # commit, digests, pending migrations, policy…
    hash: str = ""
    schema_version: int = PLAN_SCHEMA
    tool_version: str = ""

    def way_back(self, phase: str, way: Way = Way.CODE_ALONE) -> WayBack | None:
        """The planned way back of this kind from this phase, or None where there is none."""
        return next((w for w in self.ways_back if w.phase == phase and w.way is way), None)

    def step(self, step_id: str) -> Step | None:
        """The step with this id, forward or back."""
        every = [*self.rollout, *self.acceptance, *(s for w in self.ways_back for s in w.steps)]
        return next((s for s in every if s.id == step_id), None)
