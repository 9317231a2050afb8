"""The validation before a merge: its steps, how each ended, and whether the whole may be merged."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from mobius.model.verdict import CheckResult, Outcome, worst

StepName = Literal["backup", "deploy", "migrations", "smoke", "gates", "scan", "protection", "tests"]
STEPS: tuple[StepName, ...] = (
    "backup", "deploy", "migrations", "smoke", "gates", "scan", "protection", "tests",
)  # fmt: skip
CONFIGURATION = "mobius.toml"  # who skipped a step that it has nothing for
TITLES: dict[str, str] = {
    "backup": "a backup, made and verified",
    "deploy": "the deployment, without doing it",
    "migrations": "the migrations, read and weighed",
    "smoke": "this checkout, started and smoke-tested",
    "gates": "the quality gates",
    "scan": "known vulnerabilities",
    "protection": "the protection of the branch",
    "tests": "the project's own tests",
}


class StepState(StrEnum):
    """How a step stands. The last two are no answer, and never a yes."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    ERROR = "ERROR"
    SKIPPED = "SKIPPED"  # by a person, or there is nothing of the kind in mobius.toml


ENDED = frozenset(StepState) - {StepState.WAITING, StepState.RUNNING}


@dataclass(frozen=True, slots=True)
class PremergeSettings:
    """`required`: steps without which nothing is mergeable, also where they are skipped. `smoke`: how this checkout is
    started (`isolated`, `plain`, or `url` for what runs at the configured address; None: what can be had). `tests`:
    commands of the project's own; `junit`: patterns of the reports that they write. `timeout_s`: of one step."""

    required: tuple[StepName, ...] = ()
    smoke: Literal["isolated", "plain", "url"] | None = None
    tests: tuple[tuple[str, ...], ...] = ()
    junit: tuple[str, ...] = ()
    timeout_s: float = 900.0
    watch_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a step was left out. `by`: a person's name, or `mobius.toml` where it has nothing of the kind."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step as it stands. `files`: its artefacts, relative to ARTIFACT_DIR; `said`: what it did, in one line."""

    name: str
    state: StepState = StepState.WAITING
    said: str = ""
    seconds: float = 0.0
    checks: tuple[CheckResult, ...] = ()
    files: tuple[str, ...] = ()
    skipped: Skip | None = None

    @property
    def outcome(self) -> Outcome | None:
        """The answer; None where there is none yet, or the step was skipped."""
        return Outcome(self.state.value) if self.state.value in Outcome.__members__ else None


@dataclass(frozen=True, slots=True)
class Premerge:
    """One validation of one commit. Times in unix seconds; `ended_at` 0 while it goes on, or where it was killed.
    `run_id` tells it from every other one."""

    run_id: str
    service: str
    environment: str
    commit: str
    branch: str
    dirty: bool
    started_at: float
    required: tuple[str, ...]
    steps: tuple[StepResult, ...]
    ended_at: float = 0.0

    @property
    def outcome(self) -> Outcome | None:
        """PASS for what may be merged; a no weighs more than no answer. No answer: a step that could not be made or has
        not ended, one that is required and was skipped, and nothing that answered at all. None while it goes on, or
        where it was stopped."""
        if not self.ended_at:
            return None
        answers = [step.outcome for step in self.steps if step.outcome is not None]
        lacks = any(step.state not in ENDED or self.lacks(step) for step in self.steps)
        return worst([*answers, *([Outcome.INCONCLUSIVE] if lacks else [])])

    def lacks(self, step: StepResult) -> bool:
        """Whether the step is required, and was skipped."""
        return step.state is StepState.SKIPPED and step.name in self.required
