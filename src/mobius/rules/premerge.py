"""Whether a change may be merged, by what each step of its validation answered."""

from __future__ import annotations

from dataclasses import dataclass

from mobius.model.premerge import ENDED, Premerge, StepResult, StepState
from mobius.model.verdict import CheckResult, Outcome, worst


@dataclass(frozen=True, slots=True)
class Decision:
    """`outcome` is PASS for a change that may be merged; `reasons`: one for each step that says no, or nothing."""

    outcome: Outcome
    reasons: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0, or 3 for a no, or 4 for no answer."""
        return {Outcome.PASS: 0, Outcome.FAIL: 3}.get(self.outcome, 4)


def decide(validation: Premerge) -> Decision:
    """A no weighs more than no answer. No answer: a step that could not be made, one that is required and was skipped,
    one that has not ended, and a validation in which nothing answered at all."""
    reasons: list[str] = []
    outcomes: list[Outcome] = []
    for step in validation.steps:
        outcome, why = _weighed(step, validation)
        if outcome is not None:
            outcomes.append(outcome)
        if why:
            reasons.append(f"{step.name}: {why}")
    if not validation.ended_at:
        outcomes.append(Outcome.INCONCLUSIVE)
    if not any(outcome is Outcome.PASS for outcome in outcomes) and not reasons:
        reasons.append("no step gave an answer: nothing is known")
    return Decision(worst(outcomes), tuple(reasons))


def _weighed(step: StepResult, validation: Premerge) -> tuple[Outcome | None, str]:
    """(what the step adds, why it is no yes); None for one that was skipped and is not required."""
    if step.state not in ENDED:
        return Outcome.INCONCLUSIVE, "it has not ended"
    if step.state is StepState.SKIPPED:
        said = f"skipped by {step.skipped.by}: {step.skipped.reason}" if step.skipped else "skipped"
        return (
            (Outcome.INCONCLUSIVE, f"required, and {said}")
            if step.name in validation.required
            else (None, "")
        )
    outcome = Outcome(step.state.value)
    return outcome, "" if outcome is Outcome.PASS else step.said


def state_of(checks: tuple[CheckResult, ...]) -> StepState:
    """How a step stands that made these checks; one that made none found nothing out."""
    return StepState(worst([check.outcome for check in checks]).value)


def said_of(checks: tuple[CheckResult, ...], good: str) -> str:
    """The step in one line: `good` where all passed, else the first that did not, worst first."""
    order = (Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE)
    bad = sorted(
        (check for check in checks if check.outcome in order), key=lambda check: order.index(check.outcome)
    )
    if not bad:
        return good if checks else "nothing was checked"
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    return f"{bad[0].name}: {bad[0].message}{more}"
