"""The protection of a branch in words and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mobius.model.forge import BranchRules, Unknown
from mobius.model.verdict import CheckResult, Outcome, worst
from mobius.report.words import printable, wrapped


def protection_text(
    results: Sequence[CheckResult], rules: BranchRules | Unknown, branch: str, width: int
) -> str:
    """A line for each demand, with its cure where it is not met, in `width` columns."""
    lines = []
    if isinstance(rules, BranchRules):
        named = ", ".join(source.name for source in rules.sources) or "no rule"
        lines.append(printable(f"{rules.repository}, branch {branch}: {named}"))
    for each in results:
        sign = "ok" if each.outcome is Outcome.PASS else str(each.outcome)
        lines += wrapped(printable(f"{each.name}: {each.message}"), width, f"  {sign:<6} ", " " * 9)
        if each.outcome is not Outcome.PASS and each.advice:
            lines.append(f"         cure: {printable(each.advice.removeprefix('try: '))}")
    return "\n".join(lines)


def protection_json(
    results: Sequence[CheckResult], rules: BranchRules | Unknown, branch: str
) -> dict[str, Any]:
    """One object."""
    known = rules if isinstance(rules, BranchRules) else None
    return {
        "schema_version": 1,
        "event": "github_protection",
        "repository": known.repository if known else "",
        "branch": branch,
        "outcome": str(worst([each.outcome for each in results])),
        "checks": [
            {"name": each.name, "outcome": str(each.outcome), "message": each.message, "advice": each.advice}
            for each in results
        ],
        "sources": [source.name for source in known.sources] if known else [],
        "contexts": list(known.contexts) if known else [],
        "bypass": [{"source": source, "who": one.who, "what": one.what} for source, one in known.bypass]
        if known
        else [],
    }
