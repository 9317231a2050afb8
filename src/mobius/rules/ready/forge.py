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
    """The proofs of checks, each with when its run ended and where it can be read."""
    known = {run.name: run for run in runs}
    return tuple(
        replace(proof, at=moment(run.at), where=run.url or proof.where)
        if (run := known.get(proof.what))
        else proof
        for proof in proofs
    )


def without_films(proofs: Sequence[Proof]) -> tuple[Proof, ...]:
    """The proofs, where no films are made: a golden check that passed may have compared nothing, and says so."""
    told = "; mobius.toml names no films: without a golden it compared nothing"
    return tuple(
        replace(proof, value=proof.value + told)
        if proof.what.startswith(GOLDEN_CHECKS) and proof.outcome is Outcome.PASS
        else proof
        for proof in proofs
    )
