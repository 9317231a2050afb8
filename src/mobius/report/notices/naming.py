"""Which message a template file is for, by its name: ours, and those that people give them."""

from __future__ import annotations

import re

from mobius.model.notices import Topic

# "slack/deployment-started.json", "teams_rollback_complete.json", "email/pre_deployment.txt" …
_LEFT_OUT = {"slack", "teams", "msteams", "email", "mail", "webhook", "template", "message", "notification"}
_LEFT_OUT |= {"notice", "card", "block", "deployment", "deploy", "quality", "monitoring", "status", "md"}
_NAMES: dict[str, Topic] = {
    **{str(topic): topic for topic in Topic},
    **dict.fromkeys(
        ("pre", "before", "plan", "scheduled", "schedule", "announcement", "upcoming"), Topic.PLANNED
    ),
    **dict.fromkeys(("start", "begin", "begun", "initiated", "in_progress"), Topic.STARTED),
    **dict.fromkeys(("success", "successful", "complete", "completed", "done", "finished"), Topic.SUCCEEDED),
    **dict.fromkeys(("failure", "fail", "error", "refused"), Topic.FAILED),
    **dict.fromkeys(
        ("rollback_initiated", "rollback_started", "rollback_start", "rollback_begun", "rollback_triggered"),
        Topic.ROLLING_BACK,
    ),
    **dict.fromkeys(
        ("rollback", "rollback_complete", "rollback_completed", "rollback_success", "rollback_succeeded"),
        Topic.ROLLED_BACK,
    ),
    **dict.fromkeys(("rollback_failure", "rollback_error"), Topic.ROLLBACK_FAILED),
    **dict.fromkeys(("health_alert", "warning", "critical", "alarm", "incident", "page"), Topic.ALERT),
    **dict.fromkeys(("gate", "gate_violations", "gates", "violation", "gate_failed"), Topic.GATE_VIOLATION),
    **dict.fromkeys(("undecided", "unknown"), Topic.INCONCLUSIVE),
    **dict.fromkeys(("escalated", "escalate"), Topic.ESCALATION),
}


def topic_named(stem: str) -> Topic | None:
    """The message that a file of this name (without its ending) is for; None for a name that says none."""
    words = [word for word in re.split(r"[^a-z0-9]+", stem.lower()) if word]
    if found := _NAMES.get("_".join(words)):
        return found
    kept = [word.removesuffix("s") if word in ("templates", "alerts") else word for word in words]
    return _NAMES.get("_".join(word for word in kept if word not in _LEFT_OUT)) or (
        Topic.ALERT if words and set(words) <= {"monitoring", *_LEFT_OUT} and "monitoring" in words else None
    )
