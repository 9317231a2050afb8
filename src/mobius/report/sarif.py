"""Findings of any kind as SARIF 2.1.0, for whoever shows them beside the code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mobius.model.verdict import CheckResult, Outcome

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {Outcome.FAIL: "error", Outcome.ERROR: "error", Outcome.INCONCLUSIVE: "warning"}


def sarif_of(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One document of these runs."""
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [dict(run) for run in runs]}


def sarif_run(
    tool: str,
    results: Sequence[Mapping[str, Any]],
    *,
    version: str = "",
    ended: str = "",
    complete: bool = True,
    commit: str = "",
) -> dict[str, Any]:
    """One run. `ended`: when, as ISO text; `complete`: whether it ended well; `commit`: what it looked at."""
    ids = sorted({str(result["ruleId"]) for result in results})
    driver: dict[str, Any] = {"name": tool, "rules": [{"id": each} for each in ids]}
    if version:
        driver["version"] = version
    invocation: dict[str, Any] = {"executionSuccessful": complete}
    if ended:
        invocation["endTimeUtc"] = ended
    run: dict[str, Any] = {"tool": {"driver": driver}, "invocations": [invocation], "results": list(results)}
    if commit:
        run["properties"] = {"commit": commit}
    return run


def sarif_result(
    rule: str,
    level: str,
    text: str,
    *,
    file: str = "",
    line: int = 0,
    suppressed: str = "",
    properties: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One finding. `file`: relative to the repository; `suppressed`: why it does not count, "" where it does."""
    result: dict[str, Any] = {"ruleId": rule, "level": level, "message": {"text": text or rule}}
    if file:
        physical: dict[str, Any] = {"artifactLocation": {"uri": file}}
        if line > 0:
            physical["region"] = {"startLine": line}
        result["locations"] = [{"physicalLocation": physical}]
    if suppressed:
        result["suppressions"] = [{"kind": "external", "justification": suppressed}]
    if properties:
        result["properties"] = dict(properties)
    return result


def sarif_of_checks(results: Sequence[CheckResult]) -> list[dict[str, Any]]:
    """Every check that did not pass; what could not be measured is a finding, too."""
    told = []
    for result in results:
        if result.outcome in LEVELS:
            words = f"{result.outcome}: {result.message}" + (f". {result.advice}" if result.advice else "")
            rule = f"{result.group}/{result.name}" if result.group else result.name
            told.append(sarif_result(rule, LEVELS[result.outcome], words))
    return told
