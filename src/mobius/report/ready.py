"""Readiness in words: a table for a terminal, one that a reviewer pastes, JSON, and checks for JUnit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from mobius.errors import MobiusError
from mobius.model.ready import READY_CHECK, TITLES, Answer, Proof, Readiness
from mobius.model.verdict import CheckResult, Outcome
from mobius.report.words import ago, counted, iso, printable, shortened, wrapped

WIDTH = 80
NOT_ASKED = "not asked"
ANSWERS = {Outcome.PASS: "ready", Outcome.FAIL: "NOT READY"}
UNKNOWN = "NOT KNOWN TO BE READY"
LONGEST_CELL = 300


def headline(seen: Readiness) -> str:
    """ "production v2.1.0 (1a2b3c4d5e6f): NOT READY, 2 of 9 points not passed"."""
    of = seen.subject
    return f"{of.environment} {of.tag} ({of.content[:12]}): {summary(seen)}"


def summary(seen: Readiness) -> str:
    """ "NOT READY, 2 of 9 points not passed (backup, lead)"; points that are not asked are said."""
    bad = [str(answer.point) for answer in seen.asked if answer.outcome is not Outcome.PASS]
    left_out = len(seen.answers) - len(seen.asked)
    told = ANSWERS.get(seen.outcome, UNKNOWN)
    if bad:
        told += f", {len(bad)} of {counted(len(seen.asked), 'point')} not passed: {', '.join(bad)}"
    elif seen.asked:
        told += f", {counted(len(seen.asked), 'point')} passed"
    return told + (f"; {left_out} not asked" if left_out else "")


def ready_text(seen: Readiness, width: int = WIDTH) -> str:
    """Each point with its proofs and their age, and what to do."""
    lines = [*wrapped(headline(seen), width, "", "  "), ""]
    for answer in seen.answers:
        lines += _text_of(answer, seen.at, width)
    return "\n".join(lines)


def ready_markdown(seen: Readiness) -> str:
    """A table for a pull request. What others wrote is in code spans, where it mentions nobody and draws nothing."""
    of = seen.subject
    lines = [
        f"### {_cell(of.service)} {_cell(of.tag)} in {_cell(of.environment)}: {ANSWERS.get(seen.outcome, UNKNOWN)}",
        "",
        f"Commit `{of.content[:40]}`, looked at {iso(seen.at)}. {summary(seen)}.",
        "",
        "| | Point | Proof | Age | To do |",
        "|---|---|---|---|---|",
    ]
    for answer in seen.answers:
        answered = NOT_ASKED if answer.not_asked else str(answer.outcome)
        proofs = answer.proofs if answer.outcome is Outcome.PASS else _bad(answer)
        told = "<br>".join(_cell(_said(proof, seen.at)) for proof in proofs) or _cell(answer.not_asked)
        age = ago(answer.oldest, seen.at) if answer.oldest else ""
        todo = _cell(answer.renew) if _has_to_do(answer) else ""
        lines.append(f"| {answered} | {TITLES[answer.point]} | {told} | {age} | {todo} |")
    return "\n".join(lines)


def ready_json(seen: Readiness) -> dict[str, Any]:
    """One object; times are ISO 8601 in UTC, "" where there is none."""
    return {
        "schema_version": 1,
        "event": "ready",
        **asdict(seen.subject),
        "at": iso(seen.at),
        "outcome": str(seen.outcome),
        "points": [
            {
                "point": str(answer.point),
                "title": TITLES[answer.point],
                "outcome": None if answer.not_asked else str(answer.outcome),
                "not_asked": answer.not_asked,
                "proofs": [
                    {**asdict(proof), "outcome": str(proof.outcome), "at": iso(proof.at)}
                    for proof in answer.proofs
                ],
                "next": answer.renew if _has_to_do(answer) else "",
            }
            for answer in seen.answers
        ],
    }


def ready_results(seen: Readiness) -> tuple[CheckResult, ...]:
    """Every proof as a check, grouped by its point; a point that is not asked is one that was skipped."""
    return tuple(result for answer in seen.answers for result in _results(answer, seen.at))


def gate_result(seen: Readiness | MobiusError) -> CheckResult:
    """The whole as one check of a plan; what could not be looked at is an ERROR."""
    if isinstance(seen, MobiusError):
        return CheckResult(READY_CHECK, Outcome.ERROR, seen.message, 0.0, seen.hint)
    of = seen.subject
    advice = "" if seen.outcome is Outcome.PASS else f"mobius ready -e {of.environment} --tag {of.tag}"
    return CheckResult(READY_CHECK, seen.outcome, summary(seen), 0.0, advice)


def _results(answer: Answer, now: float) -> Iterator[CheckResult]:
    title, group = TITLES[answer.point], str(answer.point)
    if answer.not_asked:
        yield CheckResult(title, Outcome.INCONCLUSIVE, f"{NOT_ASKED}: {answer.not_asked}", 0.0, group=group)
    for proof in answer.proofs:
        yield CheckResult(
            f"{title}: {proof.what}",
            proof.outcome,
            f"{proof.value}{_where(proof, now)}",
            0.0,
            proof.renew,
            group=group,
        )


def next_of(seen: Readiness) -> str:
    """The next thing to do: what the first point lacks that did not pass, else the deployment."""
    bad = next((a for a in seen.asked if a.outcome is not Outcome.PASS and a.renew), None)
    if bad is not None:
        return f"next, for {bad.point}: {bad.renew}"
    if seen.outcome is not Outcome.PASS:
        return "next: ask a point: ready.without in mobius.toml leaves out all of them"
    return f"next: mobius deploy -e {seen.subject.environment} --tag {seen.subject.tag}"


def _text_of(answer: Answer, now: float, width: int) -> Iterator[str]:
    title = TITLES[answer.point]
    if answer.not_asked:
        yield from wrapped(f"{title}: {answer.not_asked}", width, f"  {NOT_ASKED:<13}", " " * 15)
        return
    outcome = answer.outcome
    sign = "ok" if outcome is Outcome.PASS else str(outcome)
    point = f"[{answer.point}]"
    yield f"  {sign:<13}{title:<{width - 15 - len(point)}}{point}".rstrip()
    for proof in answer.proofs:
        bad = f"{proof.outcome} " if proof.outcome is not Outcome.PASS and len(answer.proofs) > 1 else ""
        yield from wrapped(f"{bad}{_said(proof, now)}", width, " " * 15, " " * 17)
    if _has_to_do(answer):
        yield from wrapped(f"do: {answer.renew}", width, " " * 15, " " * 19)


def _has_to_do(answer: Answer) -> bool:
    return not answer.not_asked and answer.outcome is not Outcome.PASS and bool(answer.renew)


def _bad(answer: Answer) -> tuple[Proof, ...]:
    return tuple(proof for proof in answer.proofs if proof.outcome is not Outcome.PASS)


def _said(proof: Proof, now: float) -> str:
    return f"{proof.what}: {proof.value}{_where(proof, now)}"


def _where(proof: Proof, now: float) -> str:
    """Where it was found, and how long ago it came to be."""
    told = [proof.where] if proof.where else []
    told += [ago(proof.at, now)] if proof.at else []
    return f" [{', '.join(told)}]" if told else ""


def _cell(text: str) -> str:
    """A code span in a table. A backtick would end it, and a bar the cell."""
    plain = shortened(printable(text), LONGEST_CELL).replace("`", "'").replace("|", "\\|")
    return f"`{plain}`" if plain else ""
