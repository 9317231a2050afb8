"""A run as an in-toto statement: what it was about, by digest, and what is said of it. JSON types only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mobius.model.audit import Head
from mobius.model.evidence import PREDICATE_TYPE, STATEMENT_TYPE
from mobius.model.release import Release
from mobius.model.run import Event, Run, StepRecord
from mobius.report.run import run_report
from mobius.report.words import duration, iso, printable

SCHEMA = 1
OF_THE_REPORT = (
    *("service", "environment", "run", "run_kind", "state", "exit_code", "sentence", "tag", "commit", "lead"),
    *(
        "release",
        "release_before",
        "release_after",
        "policy",
        "started",
        "ended_at",
        "seconds",
        "gates",
        "smoke",
    ),
    *("backup", "emergency_backup", "switches", "failed_requests", "window", "verdict", "rollback", "pages"),
)
OF_A_STEP = (
    "id",
    "phase",
    "title",
    "action",
    "way",
    "attempt",
    "begun",
    "done",
    "seconds",
    "outcome",
    "failed",
)
Json = dict[str, Any]


def statement(
    run: Run,
    steps: Sequence[StepRecord],
    events: Sequence[Event],
    release: Release | None,
    *,
    tools: Mapping[str, str],
    chain_finding: str,
    written_at: float,
) -> Json:
    """What is proven of an ended run. `events`: all of them, oldest first, at least one; `release`: the one it was
    about, where the journal knows it; `chain_finding`: what is wrong with the audit log, "" where it holds."""
    report = run_report(run, steps, events)
    last = events[-1]
    return {
        "_type": STATEMENT_TYPE,
        "subject": _subjects(run, events, release),
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "schema_version": SCHEMA,
            **{key: report[key] for key in OF_THE_REPORT},
            "plan": {
                "hash": run.plan.hash,
                "schema_version": run.plan.schema_version,
                "checks": [
                    {"name": one.name, "outcome": one.outcome, "answer": one.answer}
                    for one in run.plan.checks
                ],
            },
            "config_digest": release.config_digest if release else "",
            "steps": [{key: row[key] for key in OF_A_STEP} for row in report["timeline"]],
            "who": sorted({event.who for event in events if event.who}),
            "tools": {**tools, "planned_by": f"mobius {run.plan.tool_version}".strip()},
            "audit": {
                "head": str(Head(last.run_id, last.seq, last.hash)),
                "run": last.run_id,
                "seq": last.seq,
                "hash": last.hash,
                "events_of_run": len(events),
                "finding": chain_finding,
            },
            "written": {"unix": written_at, "iso": iso(written_at)},
        },
    }


def _subjects(run: Run, events: Sequence[Event], release: Release | None) -> list[Json]:
    """The release's content, each archive made, and the log up to the run's end: every one by its SHA-256."""
    found = []
    content = release.content_digest if release else str(run.plan.facts.get("content_digest") or "")
    commit = release.commit if release else str(run.plan.facts.get("commit") or "")
    if content:
        digest = {"sha256": content, **({"gitCommit": commit} if commit else {})}
        found.append({"name": f"release {run.plan.release_id}", "digest": digest})
    for event in events:
        name, sha256 = event.data.get("name"), event.data.get("sha256")
        one = {"name": f"backup {name}", "digest": {"sha256": sha256}}
        if event.kind == "backup" and name and sha256 and one not in found:
            found.append(one)
    head = Head(events[-1].run_id, events[-1].seq, events[-1].hash)
    found.append({"name": f"audit log to {head.run_id}:{head.seq}", "digest": {"sha256": head.hash}})
    return found


def statement_words(told: Mapping[str, Any]) -> list[str]:
    """A statement for a person: what it is about, what is said of it, who acted, with what."""
    said = told["predicate"]
    audit, plan = _table(said, "audit"), _table(said, "plan")
    seconds, verdict = said.get("seconds"), _table(said, "verdict")
    rows = [
        ("Run", f"{said.get('run')}: {said.get('run_kind')} {said.get('tag')} to {said.get('environment')}"),
        (
            "Ended",
            f"{said.get('state')}, exit {said.get('exit_code')}: {said.get('sentence') or 'nothing said'}",
        ),
        ("Verdict", str(verdict.get("sentence") or verdict.get("outcome") or "")),
        ("Started", str(_table(said, "started").get("iso") or "")),
        ("Took", duration(float(seconds)) if isinstance(seconds, int | float) else ""),
        ("Who", ", ".join(str(one) for one in _list(said, "who"))),
        ("Plan", str(plan.get("hash") or "")),
        ("Steps", f"{len(_list(said, 'steps'))}, gates {len(_list(said, 'gates'))}"),
        ("Tools", ", ".join(f"{name} {value}" for name, value in sorted(_table(said, "tools").items()))),
        ("Audit head", str(audit.get("head") or "")),
        ("Audit log", f"BROKEN when this was written: {audit['finding']}" if audit.get("finding") else ""),
    ]
    lines = [f"{name:<11} {printable(value)}" for name, value in rows if value]
    for subject in told["subject"]:
        digests = ", ".join(f"{kind} {value}" for kind, value in subject["digest"].items())
        lines.append(f"{'Subject':<11} {printable(str(subject.get('name') or ''))}: {printable(digests)}")
    return lines


def _table(said: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = said.get(key)
    return found if isinstance(found, Mapping) else {}


def _list(said: Mapping[str, Any], key: str) -> Sequence[Any]:
    found = said.get(key)
    return found if isinstance(found, list) else []
