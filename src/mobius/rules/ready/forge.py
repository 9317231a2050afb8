"""What the forge says of the commit and its branch, judged: checks that passed, approvals, protection."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.model.forge import CheckRun, Unknown
from mobius.model.ready import Proof, Subject
from mobius.model.verdict import CheckResult, Outcome
from mobius.rules.ready.age import moment, short

PASSED = frozenset({"success"})
SAYS_NOTHING = frozenset({"", "pending", "neutral", "skipped", "stale", "expected"})


def judge_ci(
    answer: tuple[CheckRun, ...] | Unknown, wanted: Sequence[str], subject: Subject, where: str
) -> tuple[Proof, ...]:
    """Whether each wanted check passed at the commit. `answer` has the newest run of each."""
    if isinstance(answer, Unknown):
        return (unknown("checks", answer, where),)
    if not wanted:
        told = "no check is wanted, so that none could fail"
        return (Proof("checks", Outcome.INCONCLUSIVE, told, "ready.ci_checks", 0.0, "name the checks there"),)
    return tuple(_check(name, answer, subject, where) for name in wanted)


def judged(results: Sequence[CheckResult], where: str, renew: str) -> tuple[Proof, ...]:
    """Findings of another rule as proofs; no finding at all proves nothing."""
    proofs = tuple(
        Proof(each.name, each.outcome, each.message, where, 0.0, each.advice or renew) for each in results
    )
    return proofs or (Proof("answer", Outcome.INCONCLUSIVE, "nothing was found out", where, 0.0, renew),)


def unknown(what: str, answer: Unknown, where: str) -> Proof:
    """The proof that there is none."""
    return Proof(
        what, Outcome.ERROR, answer.reason, where, 0.0, answer.hint or "mobius github protection check"
    )


def _check(name: str, answer: Sequence[CheckRun], subject: Subject, where: str) -> Proof:
    # Two apps may have a check of the same name: each must have passed.
    runs = [run for run in answer if run.name == name]
    if not runs:
        told = f"it did not run at {short(subject.content)}"
        return Proof(name, Outcome.FAIL, told, where, 0.0, "push the commit, and wait for its checks")
    worst = next((run for run in runs if run.conclusion not in PASSED), None)
    run = worst or runs[-1]
    at, url = moment(run.at), run.url or where
    if worst is None:
        return Proof(name, Outcome.PASS, run.conclusion, url, at)
    if run.conclusion in SAYS_NOTHING:
        told = run.conclusion or "not ended yet"
        return Proof(name, Outcome.INCONCLUSIVE, told, url, at, "wait for it, or run it again")
    return Proof(name, Outcome.FAIL, run.conclusion, url, at, "see why, mend it, and run it again")
