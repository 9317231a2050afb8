"""A candidate's migrations as checks with an outcome each, for JUnit and for the exit code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mobius.model.verdict import CheckResult, Outcome
from mobius.report.migrating_words import boot_words, not_tried, way_words

Report = Mapping[str, Any]
WEIGHTS = {"LOW": 1, "MEDIUM": 2, "HIGH": 3}


def migration_checks(report: Report, limit: str | None = "HIGH") -> tuple[CheckResult, ...]:
    """One for each migration's text, the configuration, and what the rehearsal tried. A text or configuration fails
    whose impact reaches `limit` (None: never); what could not be tried is an error, never a pass."""
    return tuple(_checks(report, WEIGHTS[limit] if limit else 99))


def _checks(report: Report, limit: int) -> Iterator[CheckResult]:
    for doubt in report["doubts"]:
        yield CheckResult("looked at", Outcome.ERROR, doubt["what"], 0.0, doubt["next"], group="look")
    facts = report["rehearsal"]
    ran = facts is not None and not facts.get("not_tried")
    by_file = {each["file"]: each for each in report["files"]}
    for migration in report["migrations"]:
        yield _text(migration, by_file.get(migration["file"]), limit, rehearsed=ran)
    heavy = [change for change in report["config"] if WEIGHTS[change["impact"]] >= limit]
    told = "; ".join(f"{change['file']}: {change['reason']}" for change in heavy)
    undo = "; ".join(change["undo"] for change in heavy if change["undo"])
    outcome = Outcome.FAIL if heavy else Outcome.PASS
    yield CheckResult(
        "configuration", outcome, told or "nothing that weighs", 0.0, undo, group="configuration"
    )
    if facts is not None:
        yield from _rehearsed(report, facts)


def _text(
    migration: Mapping[str, Any], judged: Mapping[str, Any] | None, limit: int, *, rehearsed: bool
) -> CheckResult:
    seconds = float(migration.get("seconds") or 0)
    name, group = str(migration["name"]), "text"
    if judged is None:
        outcome = Outcome.PASS if rehearsed else Outcome.ERROR
        said = "run by its own program: " + (
            "it was rehearsed" if rehearsed else "only a rehearsal can judge it"
        )
        return CheckResult(name, outcome, said, seconds * 1000, group=group)
    heavy = [found for found in judged["findings"] if WEIGHTS[found["severity"]] >= limit]
    unread = [found for found in judged["findings"] if found["hazard"] == "unreadable"]
    said = "; ".join(f"line {each['line']}: {each['hazard']}: {each['message']}" for each in heavy or unread)
    advice = "; ".join(each["advice"] for each in heavy or unread if each["advice"])
    outcome = Outcome.FAIL if heavy else Outcome.ERROR if unread and not rehearsed else Outcome.PASS
    return CheckResult(
        name, outcome, said or f"impact {judged['impact']}", seconds * 1000, advice, group=group
    )


def _rehearsed(report: Report, facts: Mapping[str, Any]) -> Iterator[CheckResult]:
    group, stops = "rehearsal", [str(each) for each in facts.get("stops") or ()]
    took_ms = float(facts.get("migrate_s") or 0) * 1000
    not_tried_for = str(facts.get("not_tried") or "")
    outcome = Outcome.FAIL if stops else Outcome.ERROR if not_tried_for else Outcome.PASS
    said = (
        "; ".join(stops) or not_tried_for or f"{len(facts.get('migrations') or ())} ran on the restored copy"
    )
    yield CheckResult("migrations", outcome, said, took_ms, group=group)
    if report["live"]:
        yield _booted("release before", facts.get("old") or {}, group, stops=bool(stops))
    yield _booted("new release", facts.get("new") or {}, group)
    if facts.get("failed"):
        yield CheckResult("release before, unmigrated", Outcome.FAIL, str(facts["failed"]), 0.0, group=group)
    opened = any(way["state"] == "open" for way in report["ways"])
    yield CheckResult(
        "way back", Outcome.PASS if opened else Outcome.FAIL, way_words(facts), 0.0, group=group
    )


def _booted(name: str, boot: Mapping[str, Any], group: str, *, stops: bool = True) -> CheckResult:
    """One that does not work and stops nothing, for a hold covers it, is neither a pass nor a failure."""
    tried, works = bool(boot.get("tried")), bool(boot.get("works"))
    bad = Outcome.FAIL if stops else Outcome.INCONCLUSIVE
    outcome = Outcome.PASS if works else bad if tried else Outcome.ERROR
    return CheckResult(name, outcome, boot_words(boot), float(boot.get("seconds") or 0) * 1000, group=group)


def exit_code_of_plan(report: Report, limit: str | None) -> int:
    """3 where a text, the configuration or what was rehearsed says no, 4 where something could not be looked at, else
    0. A plan owes no boot."""
    facts = report["rehearsal"] or {}
    outcomes = {check.outcome for check in migration_checks(report, limit) if check.group != "rehearsal"}
    if Outcome.FAIL in outcomes or (limit is not None and facts.get("stops")):
        return 3
    return 4 if outcomes - {Outcome.PASS} else 0


def exit_code_of_rehearsal(report: Report, *, asked_to_boot: bool) -> int:
    """3 where the migrations must not run, or the release does not run on its own backup; 4 where a release should have
    been started on the migrated copy and could not be; else 0. That the release before fails where a hold is allowed
    stops nothing: another way back is open."""
    facts = report["rehearsal"]
    if facts is None:
        return 4 if report["doubts"] else 0
    if facts.get("stops") or facts.get("failed"):
        return 3
    return 4 if facts.get("not_tried") or (asked_to_boot and not_tried(report)) else 0
