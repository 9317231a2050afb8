"""What any scanner wrote as SARIF 2.1.0: its results, and whether it looked at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mobius.model.scan import Level, Vulnerability
from mobius.rules.scanning.shapes import Unread, document, level_of_score, rows, table, text

LEVELS = {"error": Level.HIGH, "warning": Level.MODERATE, "note": Level.LOW}
NO_PROBLEM = ("pass", "notApplicable", "informational")


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
    rules = _rules(run)
    for each in rows(results, f"the results of {name}"):
        result = table(each, "a result")
        if result.get("kind", "fail") in NO_PROBLEM or result.get("baselineState") == "absent":
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


def _rules(run: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """By id; a result may name one by its place in the list, too."""
    tool = table(run.get("tool"), "the tool of a run")
    known: dict[str, Mapping[str, Any]] = {}
    extensions = tool.get("extensions")
    for component in (tool.get("driver"), *(extensions if isinstance(extensions, list) else ())):
        listed = component.get("rules") if isinstance(component, dict) else None
        for number, rule in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(rule, dict) and isinstance(rule.get("id"), str):
                known[rule["id"]] = rule
                known.setdefault(f"#{number}", rule)
    return known


def _vulnerability(
    result: Mapping[str, Any], rules: Mapping[str, Mapping[str, Any]], tool: str
) -> Vulnerability:
    inner = result.get("rule")
    named = result.get("ruleId") or (inner.get("id") if isinstance(inner, dict) else None)
    rule = rules.get(named) if isinstance(named, str) else rules.get(f"#{result.get('ruleIndex')}")
    known = named or (rule or {}).get("id")
    place, line = _place(result)
    return Vulnerability(
        id=text(known) if isinstance(known, str) and known else "a rule without a name",
        package=place or tool,
        version="",
        level=_level(result, rule or {}),
        title=_message(result) or text(known if isinstance(known, str) else None),
        place=place,
        line=line,
    )


def _level(result: Mapping[str, Any], rule: Mapping[str, Any]) -> Level:
    """By the score where there is one, then by the word; SARIF's own default is a warning."""
    for holder in (result, rule):
        properties = holder.get("properties")
        if isinstance(properties, dict) and "security-severity" in properties:
            return level_of_score(properties["security-severity"])
    configured = rule.get("defaultConfiguration")
    default = configured.get("level", "warning") if isinstance(configured, dict) else "warning"
    word = result.get("level", default)
    return LEVELS.get(word, Level.UNKNOWN) if isinstance(word, str) else Level.UNKNOWN


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
