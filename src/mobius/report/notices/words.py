"""A message in words: the headline, one sentence, the facts, what can be done now, and the variables of templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from mobius.model.audit import head_in
from mobius.model.notice_topics import severity_of, topic_of
from mobius.model.notices import Delivery, Message, Severity, Topic
from mobius.model.release import Release
from mobius.model.run import Run
from mobius.model.settings import EnvironmentSettings
from mobius.report.words import counted, duration, printable, shortened

TITLES = {
    Topic.PLANNED: "{it} will be deployed to {e}",
    Topic.STARTED: "{it} is being deployed to {e}",
    Topic.SUCCEEDED: "{it} is live in {e}",
    Topic.FAILED: "{it} failed in {e}",
    Topic.ROLLING_BACK: "{service} in {e} is going back to {back}",
    Topic.ROLLED_BACK: "{service} in {e} was taken back to {back}",
    Topic.ROLLBACK_FAILED: "Going back failed: {service} in {e} needs somebody now",
    Topic.ALERT: "{service} in {e} needs somebody",
    Topic.GATE_VIOLATION: "A gate stopped {it} before {e}",
    Topic.INCONCLUSIVE: "{it} in {e} could not be judged",
    Topic.DISARMED: "{service} in {e} is disarmed",
    Topic.UNSENT: "Messages about {service} in {e} reached nobody through {channel}",
    Topic.ESCALATION: "{service} in {e} still needs somebody: {role}",
}
LOOK = {
    Topic.PLANNED: "mobius plan -e {e} --tag {tag}",
    Topic.STARTED: "mobius monitor -e {e}",
    Topic.ROLLING_BACK: "mobius monitor -e {e}",
    Topic.SUCCEEDED: "mobius monitor -e {e}",
    Topic.ROLLED_BACK: "mobius report -e {e} {run}",
    Topic.UNSENT: "mobius notify status -e {e}",
}
CALLED = (Topic.ALERT, Topic.INCONCLUSIVE, Topic.ROLLBACK_FAILED, Topic.ESCALATION)
SENTENCE, TITLE, LINES, LINE = 1200, 140, 20, 240


@dataclass(frozen=True, slots=True)
class Around:
    """What a message is told with, besides what happened."""

    service: str
    settings: EnvironmentSettings
    runs: Mapping[int, Run]
    releases: Sequence[Release] = ()


def message_of(batch: Sequence[Delivery], around: Around) -> Message:
    """One message of one delivery, or of several that go out together."""
    told = [_one(delivery, around) for delivery in batch]
    if len(told) == 1:
        return told[0]
    worst = max(told, key=lambda message: (message.severity.rank, message.at))
    last = told[-1]
    lines = [
        f"{_clock(message.at)} {message.title}: {shortened(message.sentence, LINE)}"
        for message in told[:LINES]
    ]
    if len(told) > LINES:
        lines.append(f"and {len(told) - LINES:,} more: mobius notify status -e {last.environment} --all")
    title = f"{counted(len(told), 'message')} about {around.service} in {last.environment}: {worst.title}"
    values = {**worst.values, "title": title, "count": len(told), "messages": lines, "head": last.head}
    # Its own key: what goes out together may be another set at the next attempt.
    key = f"{told[0].key}-{batch[-1].id}"
    return replace(
        worst,
        key=key,
        title=title,
        more=(*lines, *worst.more),
        head=last.head,
        values={**values, "event_id": key},
    )


def _one(delivery: Delivery, around: Around) -> Message:
    payload = delivery.payload
    data = payload.get("data") if isinstance(payload.get("data"), dict) else {}
    assert isinstance(data, dict)
    topic = topic_of(delivery.topic, payload)
    run = around.runs.get(int(payload.get("run_id") or 0))
    given = _values(topic, payload, data, run, around) | _called(topic, delivery.id, data, around)
    values = {name: printable(value) if isinstance(value, str) else value for name, value in given.items()}
    facts = [
        ("Environment", str(values["environment"])),
        ("Release", str(values["release"])),
        ("Commit", str(values["git_commit"])[:12]),
        ("Led by", str(values["deploy_lead"])),
        ("When", str(values["timestamp"])),
        ("Took", str(values["duration"])),
        ("Run", str(values["deployment_id"])),
        ("Way back", str(values["way_back"])),
        ("Asked", str(values["escalation"])),
        ("Exit code", str(values["exit_code"])),
    ]
    lines = [str(choice) for choice in values["choices"]]
    if topic in CALLED and values["acknowledge"]:
        lines.append(f"I see to it: {values['acknowledge']}")
    lines.append(f"Look: {values['next_command']}")
    return Message(
        key=str(values["event_id"]),
        topic=topic,
        severity=severity_of(topic),
        title=str(values["title"]),
        sentence=str(values["message"]),
        environment=str(values["environment"]),
        at=float(values["unix_timestamp"]),
        facts=tuple((label, value) for label, value in facts if value),
        more=tuple(lines),
        link=str(values["dashboard_url"] or values["runbook_url"]),
        head=str(values["head"]),
        to=printable(str(data.get("contact") or "")) if topic is Topic.ESCALATION else "",
        values=values,
    )


def _values(
    topic: Topic, payload: Mapping[str, Any], data: Mapping[str, Any], run: Run | None, around: Around
) -> dict[str, Any]:
    """Every variable, "" or () for what this message has not."""
    s, notify = around.settings, around.settings.notify
    plan = run.plan if run else None
    tag = str(data.get("tag") or (plan.tag if plan else ""))
    tags = {release.id: release.tag for release in around.releases}
    back_id = str(data.get("to") or (plan.previous_id if plan and plan.kind != "rollback" else tag))
    back = tags.get(back_id, back_id) or "what was live"
    commits = {release.id: release.commit for release in around.releases}
    at, seq = float(payload.get("at") or 0.0), int(payload.get("seq") or 0)
    e, sentence = str(payload.get("environment") or s.name), printable(str(payload.get("message", "")))
    names = {
        "it": f"{around.service} {tag}".strip(),
        "service": around.service,
        "e": e,
        "back": back,
        "channel": str(data.get("channel", "")),
        "role": " ".join(filter(None, (str(data.get("role", "")), str(data.get("name", "")))))
        or "nobody answered",
    }
    title = TITLES[topic].format_map(names)
    if topic is Topic.SUCCEEDED and payload.get("kind") == "accepted":
        title = f"{names['it']} is kept in {e}"
    look = LOOK.get(topic, "mobius status -e {e}").format(e=e, tag=tag, run=payload.get("run_id") or "")
    reason = printable(str(data.get("because") or data.get("sentence") or data.get("reason") or sentence))
    failed = topic in (Topic.FAILED, Topic.GATE_VIOLATION, Topic.ROLLBACK_FAILED)
    took = data.get("seconds")
    return {
        "service": around.service,
        "environment": e,
        "release": back if topic in (Topic.ROLLED_BACK, Topic.ROLLING_BACK) else tag,
        "previous_release": tags.get(plan.previous_id, plan.previous_id) if plan else "",
        "git_commit": commits.get(plan.release_id, "") if plan else "",
        "git_branch": str(data.get("branch", "")),
        "repository": notify.repository,
        "pr": str(data.get("pr", "")),
        "deploy_lead": (run.lead if run else "") or str(data.get("lead") or s.deploy_lead or ""),
        "operator": str(payload.get("who", "")),
        "deployment_id": str(payload.get("run_id") or ""),
        "status": str(topic),
        "severity": str(severity_of(topic)),
        "title": shortened(printable(title), TITLE),
        "message": shortened(sentence, SENTENCE),
        "timestamp": f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC",
        "unix_timestamp": int(at),
        "duration": duration(float(took)) if isinstance(took, (int, float)) else "",
        "reason": shortened(reason, SENTENCE),
        "error_message": shortened(reason, SENTENCE) if failed else "",
        "failed_stage": str(data.get("step", "")),
        "exit_code": "" if data.get("exit_code") is None else str(data["exit_code"]),
        "way_back": str(data.get("way", "")),
        "backup_file": str(plan.facts.get("backup") or "") if plan else "",
        "gate_name": str(data.get("gate") or ""),
        "metric": str(data.get("rule") or ""),
        "threshold": str(data.get("limit") or ""),
        "actual_value": str(data.get("value") or ""),
        "violation_duration": "",
        "auto_rollback_status": "on" if s.auto_rollback else "off",
        "health_check_status": str(data.get("health") or ""),
        "smoke_test_status": str(data.get("smoke") or ""),
        **{name: str(data.get(name, "")) for name in ("error_rate", "p95", "cpu", "memory")},
        "url": s.url,
        "dashboard_url": notify.dashboard_url,
        "runbook_url": notify.runbook_url,
        "logs_url": notify.logs_url,
        "artifacts_url": notify.artifacts_url,
        "incident_url": notify.dashboard_url,
        "choices": [printable(str(choice)) for choice in data.get("choices") or () if choice],
        "next_command": look,
        "acknowledge": "",
        "escalation": "",
        "count": 1,
        "messages": [shortened(sentence, LINE)],
        "head": head_in(payload),
        "event_id": f"{e}-{seq}-{str(payload.get('head', ''))[:16]}",
    }


def _called(topic: Topic, row_id: int, data: Mapping[str, Any], around: Around) -> dict[str, Any]:
    """Who is asked to come, and how they say that they do."""
    if topic not in CALLED:
        return {}
    steps = around.settings.escalation.steps
    asked = printable(str(data.get("asked") or ""))
    if not asked and steps:
        first = f"{steps[0].role} {steps[0].name}".strip()
        more = f"; {steps[1].role} after {duration(steps[0].wait_s)}" if len(steps) > 1 else ""
        asked = f"{first}{f' ({steps[0].contact})' if steps[0].contact else ''}{more}"
    number = data.get("alert") or row_id
    return {"escalation": asked, "acknowledge": f"mobius notify ack -e {around.settings.name} {number}"}


def sample(topic: Topic, service: str, environment: str, lead: str, now: float) -> tuple[str, dict[str, Any]]:
    """A message as it may come, to be tried: its topic in the journal, and its payload."""
    tag, back = "v2.1.0", "v2.0.3"
    kinds = {Topic.ROLLING_BACK: "rollback begun", Topic.SUCCEEDED: "window opened"}
    sentences = {
        Topic.PLANNED: f"{tag} is planned for 14:00",
        Topic.STARTED: f"deploying {tag}",
        Topic.SUCCEEDED: f"watching {tag} for 60 min",
        Topic.FAILED: "refused, nothing was changed: the build failed",
        Topic.ROLLING_BACK: f"going back to {back} (code alone): more than 3 health checks failed in a row",
        Topic.ROLLED_BACK: f"{back} is live again after 0.4 s: more than 3 health checks failed in a row",
        Topic.ROLLBACK_FAILED: f"going back failed: {back} does not start",
        Topic.ALERT: "5.3 % of 1,204 requests failed, more than 5 %",
        Topic.GATE_VIOLATION: "refused, nothing was changed: the loudness is -13.8 LUFS, wanted -16 ± 1",
        Topic.INCONCLUSIVE: "12 requests in 60 min are too few to judge by",
        Topic.DISARMED: "disarmed by ann@box until 15:00: the name servers are down",
        Topic.UNSENT: "3 messages could not be sent: connection refused",
        Topic.ESCALATION: "nobody acknowledged for 15 min: 5.3 % of 1,204 requests failed",
    }
    data: dict[str, Any] = {"tag": tag, "to": back, "lead": lead, "sample": True}
    if severity_of(topic) is Severity.CRITICAL:
        data |= {"choices": [f"go back: mobius rollback -e {environment}"], "alert": 1}
    if topic in (Topic.ROLLED_BACK,):
        data |= {"seconds": 0.4, "way": "code alone", "because": "more than 3 health checks failed in a row"}
    if topic is Topic.ESCALATION:
        data |= {"role": "ops on call", "name": "", "asked": "ops on call; then the manager, at 14:30"}
    data |= {"channel": "another channel"} if topic is Topic.UNSENT else {}
    data |= {"exit_code": 3} if topic is Topic.GATE_VIOLATION else {}
    data |= {"exit_code": 13} if topic is Topic.ROLLBACK_FAILED else {}
    data |= {"state": "inconclusive"} if topic is Topic.INCONCLUSIVE else {}
    coarse = {
        Topic.ROLLING_BACK: "started",
        Topic.ROLLED_BACK: "rolled back",
        Topic.ROLLBACK_FAILED: "alert",
        Topic.INCONCLUSIVE: "alert",
        Topic.GATE_VIOLATION: "failed",
    }
    payload = {
        "seq": 0,
        "run_id": 0,
        "environment": environment,
        "at": now,
        "kind": kinds.get(topic, "sample"),
        "message": f"a test, nothing happened: {sentences[topic]}",
        "who": lead,
        "data": data,
        "head": "0" * 64,
    }
    return coarse.get(topic, str(topic)), payload


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"
