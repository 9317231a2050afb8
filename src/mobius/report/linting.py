"""What a migration's text was found to hold: for a person, as JSON, and as SARIF for a code review."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from mobius.model.linting import FileReport, Hazard, Impact
from mobius.report.words import counted, printable, shortened, wrapped

_LEVELS = {Impact.HIGH: "error", Impact.MEDIUM: "warning", Impact.LOW: "note"}


def lint_text(report: FileReport, width: int = 120) -> str:
    """One file: its impact, and under each statement what it does and the safe way, in lines of `width`."""
    name = printable(report.file or "-")
    if not report.findings:
        accepted = f", {len(report.accepted)} accepted" if report.accepted else ""
        return f"{name}: nothing found in {counted(report.statements, 'statement')}{accepted}"
    lines = [f"{name}: impact {report.impact.name}"]
    for (line, statement), found in groupby(report.findings, key=lambda each: (each.line, each.statement)):
        lines += ["", shortened(f"  line {line}  {printable(statement)}".rstrip(), width)]
        for each in found:
            lines += wrapped(
                printable(each.message), width, f"    {each.severity.name:<6} {each.hazard}: ", " " * 11
            )
            if each.advice:
                lines += wrapped(printable(each.advice), width, "           instead: ", " " * 11)
    for taken in report.accepted:
        because = printable(f"{taken.found.hazard}: accepted because {taken.because}")
        lines += ["", *wrapped(because, width, f"  line {taken.found.line}  ", " " * 11)]
    return "\n".join([*lines, ""])


def lint_json(report: FileReport) -> dict[str, Any]:
    """One file as an object."""
    told: dict[str, Any] = {
        "schema_version": 1,
        "file": report.file,
        "impact": report.impact.name,
        "findings": [_finding(each) for each in report.findings],
    }
    if report.accepted:
        told["accepted"] = [_finding(each.found) | {"because": each.because} for each in report.accepted]
    return told


def _finding(each: Hazard) -> dict[str, Any]:
    return {
        "hazard": each.hazard,
        "severity": each.severity.name,
        "line": each.line,
        "statement": each.statement,
        "message": each.message,
        "advice": each.advice,
    }


def as_sarif(reports: Sequence[FileReport]) -> dict[str, Any]:
    """All files as one run of SARIF 2.1.0; what was accepted is there too, suppressed."""
    results = [_result(report.file, each) for report in reports for each in report.findings]
    for report in reports:
        for taken in report.accepted:
            reason = [{"kind": "inSource", "justification": taken.because}]
            results.append(_result(report.file, taken.found) | {"suppressions": reason})
    rules = [{"id": hazard} for hazard in sorted({result["ruleId"] for result in results})]
    driver = {"name": "mobius migrate lint", "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def _result(file: str, each: Hazard) -> dict[str, Any]:
    text = f"{each.message}. Instead: {each.advice}" if each.advice else each.message
    where = {"artifactLocation": {"uri": file}, "region": {"startLine": max(1, each.line)}}
    return {
        "ruleId": each.hazard,
        "level": _LEVELS[each.severity],
        "message": {"text": text},
        "locations": [{"physicalLocation": where}],
    }
