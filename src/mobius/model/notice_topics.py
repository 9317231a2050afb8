"""What a message of the outbox is about, by the event it was written with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.model.notices import Severity, Topic

_SEVERITY = {
    Topic.ALERT: Severity.CRITICAL,
    Topic.ROLLBACK_FAILED: Severity.CRITICAL,
    Topic.ESCALATION: Severity.CRITICAL,
    Topic.PLANNED: Severity.INFO,
    Topic.STARTED: Severity.INFO,
    Topic.SUCCEEDED: Severity.INFO,
    Topic.DISARMED: Severity.INFO,
}
_NAMED = {str(topic): topic for topic in Topic}
GATE_CODES = (3, 4)  # exit codes of a gate that said no, or that nobody could answer


def topic_of(written: str, payload: Mapping[str, Any]) -> Topic:
    """`written` is the topic in the journal, which is coarser. One that this version does not know is an alert: it was
    meant for somebody."""
    kind, data = str(payload.get("kind", "")), payload.get("data")
    data = data if isinstance(data, Mapping) else {}
    match written.replace(" ", "_"):
        case "started" if kind == "rollback begun":
            return Topic.ROLLING_BACK
        case "failed" if data.get("exit_code") in GATE_CODES:
            return Topic.GATE_VIOLATION
        case "alert" if data.get("state") == "inconclusive":
            return Topic.INCONCLUSIVE
        case "alert" if data.get("exit_code") == 13:
            return Topic.ROLLBACK_FAILED
        case other:
            return _NAMED.get(other, Topic.ALERT)


def severity_of(topic: Topic) -> Severity:
    """How much a message about this matters."""
    return _SEVERITY.get(topic, Severity.WARNING)
