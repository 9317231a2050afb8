"""Through which channels a message goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.model.notice_topics import severity_of
from mobius.model.notices import ChannelSettings, Severity, Topic


def is_wanted(channel: ChannelSettings, topic: Topic, payload: Mapping[str, Any]) -> bool:
    """Whether a message goes through this channel. An escalation goes through the one that its step names, and what
    could not be sent is told by the others."""
    data = payload.get("data")
    data = data if isinstance(data, Mapping) else {}
    if topic is Topic.ESCALATION and data.get("channel"):
        return bool(data["channel"] == channel.name)
    if topic is Topic.UNSENT and data.get("channel") == channel.name:
        return False
    if channel.environments and payload.get("environment") not in channel.environments:
        return False
    if severity_of(topic).rank < Severity(channel.severity).rank:
        return False
    # Whoever takes alerts takes what becomes of them, too.
    also = Topic.ALERT in channel.topics and topic in (Topic.ESCALATION, Topic.UNSENT)
    return not channel.topics or topic in channel.topics or also
