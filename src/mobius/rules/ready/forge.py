"""What the forge says, as proofs: findings of its own rules, with the time and the address of what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mobius.model.forge import CheckRun
from mobius.model.ready import Proof
from mobius.model.verdict import CheckResult, Outcome
from mobius.rules.ready.age import moment

GOLDEN_CHECKS = "golden-checks-"  # how the checks of the generated workflow begin


def judged(results: Sequence[CheckResult], where: str, renew: str) -> tuple[Proof, ...]:
    """Findings of another rule as proofs; no finding at all proves nothing."""
    proofs = tuple(
        Proof(each.name, each.outcome, each.message, where, 0.0, each.advice.removeprefix("try: ") or renew)
        for each in results
    )
    return proofs or (Proof("answer", Outcome.INCONCLUSIVE, "nothing was found out", where, 0.0, renew),)


def with_runs(proofs: Sequence[Proof], runs: Sequence[CheckRun]) -> tuple[Proof, ...]:
    """The proofs of checks, each with when the oldest of its runs ended and where it can be read. One that passed and
    has no time is of no age, and that is not known."""
    return tuple(_with_run(proof, [run for run in runs if run.name == proof.what]) for proof in proofs)


def _with_run(proof: Proof, runs: Sequence[CheckRun]) -> Proof:
    if not runs:
        return proof
    oldest = min(runs, key=lambda run: moment(run.at))
    made = replace(proof, at=moment(oldest.at), where=oldest.url or proof.where)
    if made.at or made.outcome is not Outcome.PASS:
        return made
    return replace(made, outcome=Outcome.ERROR, value=f"{proof.value}, and GitHub does not say when")


def without_films(proofs: Sequence[Proof]) -> tuple[Proof, ...]:
    """The proofs, where no films are made: a golden check that passed may have compared nothing, and says so."""
    told = "; mobius.toml names no films: without a golden it compared nothing"
    return tuple(
        replace(proof, value=proof.value + told)
        if proof.what.startswith(GOLDEN_CHECKS) and proof.outcome is Outcome.PASS
        else proof
        for proof in proofs
    )
