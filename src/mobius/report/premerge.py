"""A validation before a merge as JSON, JUnit, SARIF and Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mobius.model.premerge import CONFIGURATION, ENDED, TITLES, Premerge, StepResult, StepState
from mobius.model.verdict import CheckResult, Outcome
from mobius.report.junit import junit
from mobius.report.sarif import sarif_of, sarif_of_checks, sarif_run
from mobius.report.words import duration, iso, printable

INCOMPLETE = "INCOMPLETE"
SIGNS = {
    StepState.PASS: "✅ passed",
    StepState.FAIL: "❌ failed",
    StepState.ERROR: "❓ not known",
    StepState.INCONCLUSIVE: "❓ not known",
    StepState.SKIPPED: "⏭️ skipped",
    StepState.WAITING: "⏳ not begun",
    StepState.RUNNING: "⏳ not ended",
}
MOST_CHECKS = 12
NEXT = {
    "PASS": "it may be merged",
    "FAIL": "mend what failed, then: mobius premerge",
    INCOMPLETE: "it was stopped: run it again: mobius premerge",
}
UNKNOWN_NEXT = "what is not known is no yes: cure it, then: mobius premerge"


def outcome_of(validation: Premerge) -> str:
    """PASS, FAIL, ERROR, INCONCLUSIVE; INCOMPLETE while it goes on and where it was stopped."""
    return INCOMPLETE if validation.outcome is None else str(validation.outcome)


def premerge_json(validation: Premerge) -> dict[str, Any]:
    """`premerge.json`, `schema_version` 1."""
    outcome = outcome_of(validation)
    return {
        "schema_version": 1,
        "kind": "premerge",
        "run_id": validation.run_id,
        "service": validation.service,
        "environment": validation.environment,
        "commit": validation.commit,
        "branch": validation.branch,
        "dirty": validation.dirty,
        "started_at": validation.started_at,
        "ended_at": validation.ended_at or None,
        "outcome": outcome,
        "mergeable": validation.outcome is Outcome.PASS,
        "required": list(validation.required),
        "steps": [_step(step, validation) for step in validation.steps],
    }


def premerge_checks(validation: Premerge) -> list[CheckResult]:
    """Every check of every step; one for each step that has none: what was skipped or never ended passes nowhere."""
    return [check for step in validation.steps for check in _checks(step, validation)]


def premerge_junit(validation: Premerge) -> str:
    """One suite; the group of each case is its step."""
    facts = {"commit": validation.commit, "environment": validation.environment, "run": validation.run_id}
    at = validation.ended_at or validation.started_at
    return junit("premerge", premerge_checks(validation), at, properties=facts)


def premerge_sarif(validation: Premerge, others: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """A run of the validation itself; `others`: the runs of its parts, which have places in the code. What the scan
    found stands there alone; that it found nothing out stands here."""
    elsewhere = {
        step.name
        for step in validation.steps
        if step.name == "scan" and step.state is StepState.FAIL and any(map(_is_sarif, step.files))
    }
    run = sarif_run(
        "mobius premerge",
        sarif_of_checks([check for check in premerge_checks(validation) if check.group not in elsewhere]),
        ended=iso(validation.ended_at) if validation.ended_at else "",
        complete=bool(validation.ended_at),
        commit=validation.commit,
    )
    return sarif_of([run, *others])


def premerge_summary(validation: Premerge) -> str:
    """Markdown for a step summary or a comment."""
    outcome = outcome_of(validation)
    title = {"PASS": "✅ may be merged", "FAIL": "❌ must not be merged"}.get(outcome, "❓ not known")
    title = "⏳ incomplete" if outcome == INCOMPLETE else title
    commit = validation.commit[:12] or "no commit"
    dirty = ", with changes that are not committed" if validation.dirty else ""
    lines = [
        f"## Pre-merge validation: {title}{skipped_in(validation)}",
        "",
        f"`{cell(validation.service)}`, {cell(validation.environment)}, {commit}{dirty}",
        "",
        "| Step | Answer | What was found | Time |",
        "|---|---|---|---|",
    ]
    for step in validation.steps:
        must = " (required)" if step.name in validation.required else ""
        took = duration(step.seconds) if step.seconds else ""
        lines.append(f"| {step.name}{must} | {SIGNS[step.state]} | {cell(_said(step))} | {took} |")
    for step in validation.steps:
        bad = [check for check in step.checks if check.outcome is not Outcome.PASS]
        if bad:
            lines += ["", f"**{step.name}**", ""]
            lines += [f"- {cell(line)}" for check in bad[:MOST_CHECKS] for line in [_line(check)]]
            lines += [f"- and {len(bad) - MOST_CHECKS} more"] if len(bad) > MOST_CHECKS else []
    return "\n".join([*lines, "", f"{next_words(validation)}.", ""])


def skipped_in(validation: Premerge) -> str:
    """ "; skipped: smoke, backup": the steps that people left out, to be read where the verdict is; "" for none."""
    left = [s.name for s in validation.steps if s.skipped is not None and s.skipped.by != CONFIGURATION]
    return f"; skipped: {', '.join(left)}" if left else ""


def next_words(validation: Premerge) -> str:
    """What to do now."""
    return NEXT.get(outcome_of(validation), UNKNOWN_NEXT)


def cell(text: str) -> str:
    """Text that others may have written, in a table of Markdown: it draws, links and mentions nothing."""
    shown = " ".join(printable(text).split())
    for sign, instead in (
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ("|", "\\|"),
        ("`", "'"),
        ("@", "@\u200b"),
    ):
        shown = shown.replace(sign, instead)
    return shown.replace("[", "\\[").replace("![", "!\\[")


def _is_sarif(file: str) -> bool:
    return file.endswith(".sarif")


def _line(check: CheckResult) -> str:
    told = f"{check.name}: {check.outcome}: {check.message}"
    return f"{told} ({check.advice})" if check.advice else told


def _said(step: StepResult) -> str:
    if step.skipped is not None:
        return f"skipped by {step.skipped.by}: {step.skipped.reason}"
    return step.said or TITLES.get(step.name, "")


def _step(step: StepResult, validation: Premerge) -> dict[str, Any]:
    return {
        "name": step.name,
        "outcome": str(step.state),
        "required": step.name in validation.required,
        "said": step.said,
        "seconds": round(step.seconds, 3),
        "checks": [_check(check) for check in step.checks],
        "files": list(step.files),
        "skipped_by": step.skipped.by if step.skipped else "",
        "skip_reason": step.skipped.reason if step.skipped else "",
    }


def _check(check: CheckResult) -> dict[str, Any]:
    return {
        "name": check.name,
        "group": check.group,
        "outcome": str(check.outcome),
        "message": check.message,
        "advice": check.advice,
        "duration_ms": round(check.duration_ms, 1),
    }


def _checks(step: StepResult, validation: Premerge) -> Iterator[CheckResult]:
    if step.state in ENDED and step.checks:
        for check in step.checks:
            inner = f"{check.group}: " if check.group else ""
            yield replace(check, name=f"{inner}{check.name}", group=step.name)
        return
    outcome = step.outcome or Outcome.INCONCLUSIVE
    message = "it has not ended" if step.state not in ENDED else _said(step)
    outcome = Outcome.ERROR if validation.lacks(step) or step.state not in ENDED else outcome
    yield CheckResult(step.name, outcome, message, step.seconds * 1000, group=step.name)
