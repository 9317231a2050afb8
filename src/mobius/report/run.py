"""One run as a report: what happened, when, with which numbers, and what to do now. JSON types only."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mobius.model.policies import PRESETS, PolicySettings
from mobius.model.run import Event, Run, RunState, StepRecord
from mobius.model.sample import BUCKETS, Sample, quantile_ms
from mobius.report.headline import headline, outcome
from mobius.report.next_step import next_step
from mobius.report.told import told
from mobius.report.words import iso

REPORT_SCHEMA = 1
MOST_REMARKS = 5  # on what the counters left out
REHEARSAL = (
    *(
        "restore_s",
        "migrations",
        "proven",
        "asked_to_boot",
        "booted",
        "not_proven",
        "failed",
        "smoke",
        "left_out",
    ),
    *("rto_s", "rpo_s", "evidence"),
)
BACKUP = ("name", "path", "sha256", "size_bytes")
COPY = ("place", "sha256", "checked", "was_there", "sent_bytes", "kept_bytes", "took_s")
LIMITS = ("rollback_within_s", "emergency_within_s")
LOST = ("backup", "counts", "late", "late_known", "whole", "untold", "listed", "emergency", "get_back")
SWITCH = ("from", "to", "generation", "took_ms", "failed_requests")
Json = dict[str, Any]


def run_report(
    run: Run,
    steps: Sequence[StepRecord],
    events: Sequence[Event],
    samples: Sequence[Sample] = (),
    *,
    policy: PolicySettings | None = None,
    version_markers: Mapping[str, str] | None = None,
    kind: str = "",
) -> Json:
    """The report of one run, ended or not.

    `kind` is "deployment report" or "rollback report"; left out, it follows from what happened. `policy` left
    out is taken from the plan's facts. `version_markers`: file or link to the release it names now.
    """
    plan, facts = run.plan, run.plan.facts
    policy = policy or _policy_of(facts)
    rollback = _rollback(events)
    failed = next((step.step_id for step in steps if step.failed), "")
    why, command = next_step(run, {step.step_id for step in steps}, failed)
    report: Json = {
        "schema_version": REPORT_SCHEMA,
        "kind": kind or _kind(run, rollback),
        "service": plan.service,
        "environment": run.environment,
        "run": run.id,
        "run_kind": run.kind,
        "state": str(run.state),
        "ended": run.ended,
        "exit_code": run.exit_code,
        "sentence": run.sentence,
        "tag": plan.release_id if run.kind == "monitor" else plan.tag,
        "release_before": plan.previous_id,
        "release_after": _live_after(run, events),
        "release": plan.release_id,
        "tag_before": str(facts.get("previous_tag") or plan.previous_id),
        "commit": str(facts.get("commit") or ""),
        "lead": run.lead,
        "plan_hash": plan.hash,
        "tool_version": plan.tool_version,
        "policy": dataclasses.asdict(policy) if policy else None,
        "started": _time(run.started_at),
        "ended_at": _time(run.ended_at),
        "seconds": round(run.ended_at - run.started_at, 3) if run.ended_at else None,
        "timeline": _timeline(run, steps),
        "gates": [_plain(e, "name", "outcome", "message") for e in _of(events, "gate")],
        "smoke": [_plain(e, "when", "results") for e in _of(events, "smoke")],
        "backup": _backup(events),
        "emergency_backup": _last([e for e in events if _is_emergency(e)], "backup", *BACKUP),
        "received_traffic": _received_traffic(run, steps, events),
        "switches": [_plain(e, *SWITCH) for e in _of(events, "switched")],
        "failed_requests": _failed_requests(events),
        "window": _window(run, events, samples),
        "verdict": _last(events, "verdict", "outcome", "rule", "sentence"),
        "rollback": rollback,
        "held": _held(events, back=False),
        "pages": [_plain(e, "sentence", "choices") for e in _of(events, "page")],
        "version_markers": dict(version_markers or {}),
        "events": [_event(event) for event in events if event.kind != "so far"],
        "audit_head": events[-1].hash if events else "",
        "next": {"why": why, "command": command},
    }
    report["headline"], report["outcome"] = headline(report), outcome(report)
    return report


def _kind(run: Run, rollback: Json | None) -> str:
    return "rollback report" if run.kind == "rollback" or rollback else "deployment report"


def _policy_of(facts: Mapping[str, Any]) -> PolicySettings | None:
    told_policy = facts.get("policy")
    if isinstance(told_policy, Mapping):
        known = {field.name for field in dataclasses.fields(PolicySettings)}
        values = {key: value for key, value in told_policy.items() if key in known}
        return PolicySettings(**{"name": "", "base": "", **values})
    return PRESETS.get(str(told_policy or ""))


def _live_after(run: Run, events: Sequence[Event]) -> str:
    """The release that received traffic when the run was last heard of."""
    plan = run.plan
    for event in reversed(events):
        if event.kind == "switched":
            in_slot = {plan.previous_slot: plan.previous_id, plan.slot: plan.release_id, "": ""}
            return in_slot.get(str(event.data.get("to") or ""), plan.previous_id)
    for event in reversed(events):  # where somebody else directs traffic, what was written down says it
        result = event.data.get("result") if event.kind == "step done" else None
        if isinstance(result, Mapping) and "live" in result:
            return str(result["live"])
    before = plan.release_id if run.kind == "monitor" else plan.previous_id
    return plan.release_id if run.state is RunState.ACCEPTED else before


def _received_traffic(run: Run, steps: Sequence[StepRecord], events: Sequence[Event]) -> bool:
    """Whether users may have met the release: traffic went to its slot, or a command of the owner changed what is
    live."""
    begun = {record.step_id for record in steps}
    commanded = any(step.action == "command" and step.id in begun for step in run.plan.rollout)
    moved = [*_of(events, "switched"), *_of(events, "split")]
    return commanded or any(event.data.get("to") == run.plan.slot for event in moved)


def _timeline(run: Run, steps: Sequence[StepRecord]) -> list[Json]:
    back = {step.id for way in run.plan.ways_back for step in way.steps}
    rows = []
    for record in sorted(steps, key=lambda one: one.begun_at):
        step = run.plan.step(record.step_id)
        rows.append(
            {
                "id": record.step_id,
                "phase": step.phase if step else "",
                "title": step.title if step else record.step_id,
                "action": step.action if step else "",
                "way": "back" if record.step_id in back else "forward",
                "attempt": record.attempt,
                "begun": _time(record.begun_at),
                "done": _time(record.done_at),
                "seconds": round(record.done_at - record.begun_at, 3) if record.is_done else None,
                "outcome": "failed"
                if record.failed
                else "done"
                if record.is_done
                else "begun, not known to be done",
                "failed": record.failed,
                "result": dict(record.result),
            }
        )
    return rows


def _backup(events: Sequence[Event]) -> Json | None:
    """The backup this run can be taken back to, with its rehearsal."""
    rehearsed = _last(events, "rehearsed", *REHEARSAL)
    made = _last([e for e in events if not _is_emergency(e)], "backup", *BACKUP)
    copied = _last(events, "backup copied", *COPY) or _last(events, "copy failed", "sentence", "choices")
    found = {"rehearsal": rehearsed, **({"copy": copied} if copied else {})}
    return {**(made or {}), **found} if made or rehearsed else None


def _is_emergency(event: Event) -> bool:
    return str(event.data.get("name") or "").startswith("emergency_")


def _failed_requests(events: Sequence[Event]) -> int | None:
    """Requests that failed because of switches; None where none was made or counted.

    A switch is counted when it is made, and again when the old slot is empty: the later figure is the whole.
    """
    kinds = ("switched", "drained", "rolled back")
    counted = [e.data["failed_requests"] for e in events if e.kind in kinds and "failed_requests" in e.data]
    return max(int(number or 0) for number in counted) if counted else None


def _window(run: Run, events: Sequence[Event], samples: Sequence[Sample]) -> Json | None:
    opened = _last(events, "window opened", "deadline", "policy", "interval_s")
    if opened is None and not run.window_opened_at and not samples:
        return None
    probes = [s for s in samples if s.signal == "probe"]
    traffic = [s for s in samples if s.signal == "traffic"]
    return {
        "opened": _time(run.window_opened_at or (opened["at"]["unix"] if opened else 0.0)),
        "deadline": _time(run.window_deadline or float((opened or {}).get("deadline") or 0.0)),
        "policy": (opened or {}).get("policy"),
        "interval_s": (opened or {}).get("interval_s"),
        "checks": sum(not s.missing for s in probes),
        "failed_checks": sum(s.ok is False and not s.missing for s in probes),
        "not_measured": sum(bool(s.missing) for s in samples),
        **_counted(traffic),
        "routes": _routes(samples),
        "issues": [{"at": _time(s.at), "text": s.note} for s in samples if s.signal == "issue"],
        "remarks": list(dict.fromkeys(s.note for s in traffic if s.note))[-MOST_REMARKS:],
        "blind_s": round(sum(float(e.data.get("seconds") or 0) for e in _of(events, "blind")), 3),
    }


def _routes(samples: Sequence[Sample]) -> list[Json]:
    """Each critical route's own traffic, the busiest first. It is part of all traffic, never added to it."""
    of: dict[str, list[Sample]] = {}
    for sample in samples:
        kind, _, route = sample.signal.partition(":")
        if kind == "route":
            of.setdefault(route, []).append(sample)
    rows = [{"route": route, **_counted(group)} for route, group in of.items()]
    return sorted(rows, key=lambda row: (-row["requests"], row["route"]))


def _counted(traffic: Sequence[Sample]) -> Json:
    """Sums; `p95_ms` is None where no request was timed."""
    requests, errors = sum(s.requests for s in traffic), sum(s.errors for s in traffic)
    histogram = tuple(sum(s.histogram[i] for s in traffic if len(s.histogram) > i) for i in range(BUCKETS))
    return {
        "requests": requests,
        "errors": errors,
        "errors_pct": round(100 * errors / requests, 4) if requests else None,
        "p95_ms": _rounded(quantile_ms(histogram, 0.95)),
    }


def _rollback(events: Sequence[Event]) -> Json | None:
    begun = _last(events, "rollback begun", "way", "to", "because", "decided_at")
    if begun is None:
        return None
    decided_at = float(begun["decided_at"] or begun["at"]["unix"])
    back = _traffic_back(events, begun["at"]["unix"], decided_at)
    done = _last(
        events, "rolled back", "to", "seconds", "failed_requests", "rollback_within_s", "emergency_within_s"
    )
    return {
        "way": begun["way"],
        "to": begun["to"],
        "because": begun["because"],
        "decided": _time(decided_at),
        "traffic_back": back["at"] if back else None,
        "traffic_back_s": back["seconds"] if back else None,
        "finished": done["at"] if done else None,
        "seconds": done["seconds"] if done else None,
        "limits": [_limit(name, done) for name in LIMITS if done and done[name]],
        "held": _held(events, back=True),
        "lost": _last(events, "lost", *LOST),
    }


def _held(events: Sequence[Event], *, back: bool) -> Json | None:
    """How long requests waited, and how many: while the schema moved, or until they were let go on the way back."""
    begun = next((place for place, event in enumerate(events) if event.kind == "rollback begun"), len(events))
    there = events[begun:] if back else events[:begun]
    return _last(there, "held", "seconds", "waited", "turned_away")


def _limit(name: str, done: Json) -> Json:
    """One of the two times that going back may take, and whether it was kept."""
    limit_s = float(done[name])
    return {
        "name": name.removesuffix("_s"),
        "seconds": limit_s,
        "kept": float(done["seconds"] or 0) <= limit_s,
    }


def _traffic_back(events: Sequence[Event], begun_at: float, decided_at: float) -> Json | None:
    """When every new request went to the old release: said so, or the way back's first switch."""
    told = _last(events, "traffic back", "seconds")
    if told is not None:
        return told
    switch = next((e for e in events if e.kind == "switched" and e.at >= begun_at), None)
    return {"at": _time(switch.at), "seconds": round(max(0.0, switch.at - decided_at), 3)} if switch else None


def _event(event: Event) -> Json:
    return {
        "seq": event.seq,
        "at": _time(event.at),
        "kind": event.kind,
        "message": told(event),
        "who": event.who,
        "data": dict(event.data),
    }


def _of(events: Sequence[Event], kind: str) -> Iterable[Event]:
    return (event for event in events if event.kind == kind)


def _plain(event: Event, *keys: str) -> Json:
    return {"at": _time(event.at), **{key: event.data.get(key) for key in keys}}


def _last(events: Sequence[Event], kind: str, *keys: str) -> Json | None:
    return next((_plain(event, *keys) for event in reversed(events) if event.kind == kind), None)


def _time(at: float) -> Json | None:
    return {"unix": at, "iso": iso(at)} if at > 0 else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
