"""A validation before a merge as one page that needs nothing else."""

from __future__ import annotations

from mobius.model.premerge import CONFIGURATION, TITLES, Premerge, StepResult, StepState
from mobius.model.verdict import Outcome
from mobius.report.page import page_template
from mobius.report.premerge import INCOMPLETE, next_words, outcome_of, skipped_in
from mobius.report.words import iso

VERDICTS = {
    "PASS": ("May be merged.", "good"),
    "FAIL": ("Must not be merged.", "bad"),
    INCOMPLETE: ("Incomplete: it was stopped, or goes on.", "unsure"),
}
UNKNOWN = ("Not known whether it may be merged.", "unsure")
WORDS = {
    StepState.PASS: ("passed", "good"),
    StepState.FAIL: ("failed", "bad"),
    StepState.SKIPPED: ("skipped", "unsure"),
    StepState.WAITING: ("not begun", "unsure"),
    StepState.RUNNING: ("not ended", "running"),
}


def premerge_html(validation: Premerge) -> str:
    """The whole page. Everything in it is text that others may have written, and is escaped."""
    verdict, color = VERDICTS.get(outcome_of(validation), UNKNOWN)
    return page_template("premerge").render(
        validation=validation,
        verdict=f"{verdict.removesuffix('.')}{skipped_in(validation)}.",
        color=color,
        next=next_words(validation),
        at=iso(validation.ended_at or validation.started_at),
        took=validation.ended_at - validation.started_at if validation.ended_at else None,
        titles=TITLES,
        words={step.name: WORDS.get(step.state, ("not known", "unsure")) for step in validation.steps},
        bad={step.name: _bad(step, validation.lacks(step)) for step in validation.steps},
        found={step.name: _found(step) for step in validation.steps},
    )


def _found(step: StepResult) -> str:
    """Who left it out is said where that was a person."""
    if step.skipped is None:
        return step.said
    by = f"by {step.skipped.by}: " if step.skipped.by != CONFIGURATION else ""
    return by + step.skipped.reason


def _bad(step: StepResult, lacks: bool) -> list[tuple[str, str, str, str, str]]:
    """(outcome, colour, name, message, advice) of every check that did not pass; and of a step that was left out by a
    person, or although it is required (`lacks`)."""
    if step.skipped is not None and (lacks or step.skipped.by != CONFIGURATION):
        advice = "it is required: without it nothing may be merged" if lacks else ""
        return [("SKIPPED", "unsure", f"by {step.skipped.by}", step.skipped.reason, advice)]
    return [
        (
            str(check.outcome),
            "bad" if check.outcome is Outcome.FAIL else "unsure",
            check.name,
            check.message,
            check.advice,
        )
        for check in step.checks
        if check.outcome is not Outcome.PASS
    ]
