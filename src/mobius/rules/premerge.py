"""What one step of a validation says by its checks."""

from __future__ import annotations

from dataclasses import replace

from mobius.model.premerge import Premerge, StepState
from mobius.model.verdict import CheckResult, Outcome, worst

LONGEST = 160  # of the line that sums a step up; its checks have all of it


def of_one_checkout(now: Premerge, moved: str) -> Premerge:
    """The same; where the checkout `moved` while its steps ran, a step that passed says nothing of this commit."""
    if not moved:
        return now
    check = CheckResult(
        "checkout", Outcome.ERROR, moved, 0.0, "leave it as it is until mobius premerge has ended"
    )
    steps = (
        replace(step, state=StepState.ERROR, said=moved, checks=(*step.checks, check))
        if step.state is StepState.PASS
        else step
        for step in now.steps
    )
    return replace(now, steps=tuple(steps))


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
    said = f"{bad[0].name}: {bad[0].message}"
    return (said if len(said) <= LONGEST else said[: LONGEST - 1] + "…") + more
