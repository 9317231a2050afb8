"""What any scanner wrote as SARIF 2.1.0: its results, and whether it looked at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mobius.model.scan import Vulnerability
from mobius.rules.scanning.sarif_rules import Rules
from mobius.rules.scanning.shapes import Unread, document, rows, table, text

NO_PROBLEM = ("pass", "notApplicable", "informational")
PROBLEMS = ("error", "warning")


@dataclass(frozen=True, slots=True)
class ReadSarif:
    """`ended_at`: when the oldest of its runs ended, unix seconds; None where one does not say. `commits`: those that
    it was made of, as far as it says."""

    found: tuple[Vulnerability, ...]
    results: int
    tools: tuple[str, ...]
    ended_at: float | None
    commits: frozenset[str]


def read_sarif(content: str) -> ReadSarif:
    """Raises `Unread` for what is no SARIF 2.1.0, for a run that failed or never looked, and for one without results:
    none found is an empty list. What was suppressed in the file is found all the same."""
    made = document(content, "the scanner")
    if made.get("version") != "2.1.0":
        raise Unread("it is no SARIF 2.1.0")
    runs = [table(run, "a run") for run in rows(made.get("runs"), "its runs")]
    if not runs:
        raise Unread("it holds no run: nothing was looked at")
    if made.get("inlineExternalProperties"):
        raise Unread(f"{_tool(runs[0])} put its results beside its runs")
    found = [each for run in runs for each in _results(run)]
    ends = [_ended_at(run) for run in runs]
    said = [end for end in ends if end is not None]
    commits = {commit for run in runs for commit in _commits(run)}
    results = sum(len(rows(run.get("results"), "the results of a run")) for run in runs)
    at = min(said) if said and len(said) == len(ends) else None
    return ReadSarif(tuple(found), results, tuple(_tool(run) for run in runs), at, frozenset(commits))


def _tool(run: Mapping[str, Any]) -> str:
    driver = table(table(run.get("tool"), "the tool of a run").get("driver"), "the tool of a run")
    version = driver.get("semanticVersion") or driver.get("version")
    name = text(driver.get("name"), "the name of its tool")
    return f"{name} {version}" if isinstance(version, str) else name


def _results(run: Mapping[str, Any]) -> Iterator[Vulnerability]:
    name = _tool(run)
    _refuse_failed(run, name)
    if run.get("externalPropertyFileReferences"):
        raise Unread(f"{name} put its results into other files")
    results = run.get("results")
    if results is None:
        raise Unread(f"{name} has no results: it did not look, or was stopped")
    rules = Rules(run)
    for each in rows(results, f"the results of {name}"):
        result = table(each, "a result")
        if _is_no_problem(result):
            continue
        yield _vulnerability(result, rules, name)


def _refuse_failed(run: Mapping[str, Any], name: str) -> None:
    invocations = run.get("invocations")
    for each in rows(invocations, "its invocations") if invocations is not None else ():
        invocation = table(each, "an invocation")
        if invocation.get("executionSuccessful") is not True:
            raise Unread(f"{name} did not end well: executionSuccessful is not true")
        for key in ("toolExecutionNotifications", "toolConfigurationNotifications"):
            told = invocation.get(key)
            for note in rows(told, "its notifications") if told is not None else ():
                one = table(note, "a notification")
                if one.get("level") == "error":
                    raise Unread(f"{name} says of itself: {_message(one) or 'an error'}")


def _is_no_problem(result: Mapping[str, Any]) -> bool:
    """By its kind, or since it is gone; one that says that it is an error all the same is a problem."""
    if result.get("baselineState") == "absent":
        return True
    return result.get("kind", "fail") in NO_PROBLEM and result.get("level") not in PROBLEMS


def _vulnerability(result: Mapping[str, Any], rules: Rules, tool: str) -> Vulnerability:
    inner = result.get("rule")
    named = result.get("ruleId") or (inner.get("id") if isinstance(inner, dict) else None)
    known = named or next((rule.get("id") for rule in rules.named_by(result)), None)
    place, line = _place(result)
    return Vulnerability(
        id=text(known) if isinstance(known, str) and known else "a rule without a name",
        package=place or tool,
        version="",
        level=rules.level(result),
        title=_message(result) or text(known if isinstance(known, str) else None),
        place=place,
        line=line,
    )


def _message(of: Mapping[str, Any]) -> str:
    message = of.get("message")
    said = message.get("text") if isinstance(message, dict) else None
    return text(said) if isinstance(said, str) else ""


def _place(result: Mapping[str, Any]) -> tuple[str, int]:
    locations = result.get("locations")
    first = locations[0] if isinstance(locations, list) and locations else None
    physical = first.get("physicalLocation") if isinstance(first, dict) else None
    if not isinstance(physical, dict):
        return "", 0
    artifact, region = physical.get("artifactLocation"), physical.get("region")
    address = artifact.get("uri") if isinstance(artifact, dict) else None
    line = region.get("startLine") if isinstance(region, dict) else None
    is_line = isinstance(line, int) and not isinstance(line, bool) and line > 0
    return (text(address) if isinstance(address, str) else ""), (line if is_line and line else 0)


def _ended_at(run: Mapping[str, Any]) -> float | None:
    """The oldest end of its invocations; None where none says when."""
    ends = []
    for invocation in run.get("invocations") or ():
        said = invocation.get("endTimeUtc") or invocation.get("startTimeUtc")
        if isinstance(said, str):
            ends.append(_unix(said))
    return min(ends) if ends else None


def _unix(said: str) -> float:
    try:
        at = datetime.fromisoformat(said.replace("Z", "+00:00"))
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError) as problem:
        raise Unread(f"{said[:40]!r} is no time") from problem


def _commits(run: Mapping[str, Any]) -> Iterator[str]:
    provenance = run.get("versionControlProvenance")
    for each in rows(provenance, "its provenance") if provenance is not None else ():
        revision = table(each, "a provenance").get("revisionId")
        if isinstance(revision, str) and revision:
            yield revision
