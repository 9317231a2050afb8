"""A candidate's migrations as one document of JSON types: the text, the page, JUnit and SARIF only read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mobius.model.linting import FileReport
from mobius.model.migrating import MigrationLook, PendingMigration, Weighed
from mobius.report.linting import as_sarif, lint_json
from mobius.report.words import iso

PLAN, REHEARSAL = "migration plan", "migration rehearsal"
LEFT_OUT = ("known", "log", "changes")  # of the facts: of no use to a reader, or told elsewhere


def migration_report(look: MigrationLook, weighed: Weighed, *, kind: str, at: float) -> dict[str, Any]:
    """Everything that is known, `schema_version` 1. `kind`: PLAN or REHEARSAL; `at`: when it was made, unix seconds."""
    facts = look.rehearsal
    return {
        "schema_version": 1,
        "kind": kind,
        "at": {"unix": at, "iso": iso(at)},
        "service": look.service,
        "environment": look.environment,
        "tag": look.tag,
        "release": look.release_id,
        "commit": look.commit,
        "live": look.live_id,
        "source": {
            "layout": look.layout,
            "path": look.path,
            "database": look.database,
            "dialect": look.dialect,
        },
        "risk": weighed.impact.name,
        "reasons": [
            {"impact": each.impact.name, "where": each.where, "text": each.text, "advice": each.advice}
            for each in weighed.reasons
        ],
        "migrations": [_migration(each, look) for each in look.pending],
        "files": [lint_json(report) for report in look.reports],
        "taken_back": [
            {
                "file": each.file,
                "line": each.found.line,
                "hazard": each.found.hazard,
                "impact": each.found.severity.name,
                "becomes": each.becomes.name if each.becomes else "",
                "because": each.because,
            }
            for each in look.taken_back
        ],
        "config": [
            {"file": c.file, "key": c.key, "impact": c.impact.name, "reason": c.reason, "undo": c.undo}
            for c in look.config
        ],
        "doubts": [{"what": what, "next": step} for what, step in look.doubts],
        "remarks": list(look.remarks),
        "ways": [
            {"way": way.way, "state": way.state, "seconds": way.seconds, "loses": way.loses, "why": way.why}
            for way in weighed.ways
        ],
        "rollback_within_s": look.rollback_within_s,
        "expected_s": float(facts["migrate_s"]) if facts and "migrate_s" in facts else None,
        "rehearsed": {"unix": look.rehearsed_at, "iso": iso(look.rehearsed_at)} if facts else None,
        "restore": _restore(look),
        "rehearsal": {key: value for key, value in facts.items() if key not in LEFT_OUT} if facts else None,
    }


def migration_sarif(look: MigrationLook) -> dict[str, Any]:
    """The findings for a code review; what the rehearsal's facts took back is there, suppressed, with the fact."""
    document = as_sarif(look.reports)
    run = document["runs"][0]
    for taken in (each for each in look.taken_back if each.becomes is None):
        only = as_sarif([FileReport(taken.file, (taken.found,))])["runs"][0]
        reason = [{"kind": "external", "justification": taken.because}]
        run["results"] += [result | {"suppressions": reason} for result in only["results"]]
    ids = sorted({result["ruleId"] for result in run["results"]})
    run["tool"]["driver"]["rules"] = [{"id": hazard} for hazard in ids]
    return document


def _migration(each: PendingMigration, look: MigrationLook) -> dict[str, Any]:
    told: dict[str, Any] = {
        "version": each.version,
        "name": each.name,
        "file": each.file,
        "sha256": each.sha256,
        "has_down": each.has_down,
        "opaque": each.sql is None,
        "impact": next((report.impact.name for report in look.reports if report.file == each.file), ""),
    }
    return told | (_as_it_ran(each.name, look.rehearsal) if look.rehearsal else {})


def _as_it_ran(name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Of the statements that are told, which are the slowest."""
    ran: Sequence[Mapping[str, Any]] = [
        s for s in facts.get("statements") or () if s.get("migration") == name
    ]
    rewrites = dict.fromkeys(str(one) for s in ran for one in s.get("rewrites") or ())
    return {
        "seconds": round(sum(float(s.get("seconds") or 0) for s in ran), 4) if ran else None,
        "read_blocked_s": max((float(s.get("read_blocked_s") or 0) for s in ran), default=0.0),
        "write_blocked_s": max((float(s.get("write_blocked_s") or 0) for s in ran), default=0.0),
        "wal_bytes": sum(int(s.get("wal_bytes") or 0) for s in ran),
        "rewrites": list(rewrites),
    }


def _restore(look: MigrationLook) -> dict[str, Any] | None:
    point = look.restore
    if point is None:
        return None
    return {
        "backup": point.name,
        "sha256": point.sha256,
        "seconds": point.seconds,
        "made": iso(point.created_at),
        "proven": iso(point.proven_at) if point.proven_at else "",
    }
