"""What a message is about, and through which channels it goes."""

from __future__ import annotations

from typing import Any

import pytest

from mobius.model.notice_topics import severity_of, topic_of
from mobius.model.notices import ChannelSettings, Topic
from mobius.rules.notices.routing import is_wanted


@pytest.mark.parametrize(
    ("written", "kind", "data", "topic"),
    [
        ("started", "run begun", {}, "started"),
        ("started", "rollback begun", {}, "rolling_back"),
        ("succeeded", "accepted", {"exit_code": 0}, "succeeded"),
        ("failed", "run ended", {"exit_code": 1}, "failed"),
        ("failed", "run ended", {"exit_code": 3}, "gate_violation"),
        ("failed", "run ended", {"exit_code": 4}, "gate_violation"),
        ("rolled back", "rolled back", {}, "rolled_back"),
        ("alert", "page", {}, "alert"),
        ("alert", "page", {"exit_code": 13}, "rollback_failed"),
        ("alert", "page", {"state": "inconclusive", "exit_code": 4}, "inconclusive"),
        ("disarmed", "disarmed", {}, "disarmed"),
        ("of a newer mobius", "x", {}, "alert"),
        ("alert", "page", "not a table", "alert"),
    ],
)
def test_a_message_is_about(written: str, kind: str, data: Any, topic: str) -> None:
    assert topic_of(written, {"kind": kind, "data": data}) == topic


def wanted(topic: Topic, data: dict[str, Any] | None = None, e: str = "production", **channel: Any) -> bool:
    return is_wanted(ChannelSettings("ops", **channel), topic, {"environment": e, "data": data or {}})


def test_a_channel_without_wishes_takes_everything() -> None:
    assert all(wanted(topic) for topic in Topic)


def test_a_channel_takes_its_topics_its_severity_and_its_environments() -> None:
    assert wanted(Topic.ROLLED_BACK, topics=("rolled_back",))
    assert not wanted(Topic.STARTED, topics=("rolled_back",))
    assert not wanted(Topic.STARTED, severity="warning") and wanted(Topic.FAILED, severity="warning")
    assert not wanted(Topic.FAILED, severity="critical") and wanted(Topic.ALERT, severity="critical")
    assert not wanted(Topic.ALERT, e="staging", environments=("production",))


def test_an_escalation_goes_where_its_step_says_whatever_else_the_channel_takes() -> None:
    assert wanted(Topic.ESCALATION, {"channel": "ops"}, topics=("started",))
    assert not wanted(Topic.ESCALATION, {"channel": "phones"})
    assert wanted(Topic.ESCALATION, {"channel": ""}, topics=("alert",))


def test_what_a_channel_could_not_send_is_told_by_the_others() -> None:
    assert not wanted(Topic.UNSENT, {"channel": "ops"})
    assert wanted(Topic.UNSENT, {"channel": "mail"}, topics=("alert",))


def test_every_topic_has_a_severity() -> None:
    assert {str(severity_of(topic)) for topic in Topic} == {"info", "warning", "critical"}
