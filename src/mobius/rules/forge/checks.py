"""Whether the checks that a merge needs have passed at a commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mobius.model.forge import CheckRun, Unknown
from mobius.model.verdict import CheckResult, Outcome


def judge_checks(
    found: tuple[CheckRun, ...] | Unknown,
    contexts: Sequence[str],
    commit: str,
    bound: Mapping[str, Sequence[int]] | None = None,
) -> tuple[CheckResult, ...]:
    """One result for each context. GitHub lets a skipped check pass; here nobody knows what it would have found.
    `bound`: by context, the ids of the apps of which the branch wants it; another that reports it does not count."""
    if isinstance(found, Unknown):
        return tuple(_result(name, Outcome.ERROR, found.reason, found.hint) for name in contexts)
    return tuple(
        _judged(name, [each for each in found if each.name == name], commit, (bound or {}).get(name, ()))
        for name in contexts
    )


def _judged(name: str, runs: list[CheckRun], commit: str, apps: Sequence[int]) -> CheckResult:
    at = f"at {commit[:12]}"
    if not runs:
        return _result(
            name, Outcome.INCONCLUSIVE, f"did not run {at}", "push the commit, and let its checks run"
        )
    bad = [each for each in runs if each.conclusion not in ("success", "", "skipped", "neutral")]
    if bad:
        return _result(
            name, Outcome.FAIL, f"{bad[0].conclusion} {at}", f"see {bad[0].url}" if bad[0].url else ""
        )
    for words, conclusions in (("has not ended", ("",)), ("was skipped", ("skipped", "neutral"))):
        if any(each.conclusion in conclusions for each in runs):
            return _result(name, Outcome.INCONCLUSIVE, f"{words} {at}", "wait for it, or run it again")
    if missing := [app for app in apps if all(each.app_id != app for each in runs)]:
        by = ", ".join(dict.fromkeys(each.app or "somebody whom GitHub does not name" for each in runs))
        words = f"passed {at} by {by}, and the branch believes app {missing[0]} alone"
        return _result(name, Outcome.INCONCLUSIVE, words, "let the check of that app run")
    when = f", {runs[0].at}" if runs[0].at else ""
    return _result(name, Outcome.PASS, f"passed {at}{when}")


def _result(name: str, outcome: Outcome, message: str, advice: str = "") -> CheckResult:
    return CheckResult(name, outcome, message, 0.0, advice, group="checks")
