"""A message for a generic webhook: one JSON object with everything, for a program to read."""

from __future__ import annotations

from typing import Any

from mobius.errors import ConfigurationError
from mobius.model.notices import Message
from mobius.report.notices.json_templates import filled

SCHEMA_VERSION = 1


def webhook_body(message: Message) -> Any:
    """By the project's template, or in our form."""
    if message.made:
        try:
            return filled(message.made, message.values, str)
        except ConfigurationError:
            pass  # told where templates are checked; a lost message helps nobody
    return {
        "schema_version": SCHEMA_VERSION,
        "event": "notification",
        "id": message.key,
        "topic": str(message.topic),
        "severity": str(message.severity),
        "environment": message.environment,
        "at": message.at,
        "title": message.title,
        "message": message.sentence,
        "to": message.to,
        "facts": [{"name": label, "value": value} for label, value in message.facts],
        "lines": list(message.more),
        "link": message.link,
        "head": message.head,
        "values": dict(message.values),
    }


def text_of(message: Message) -> str:
    """In a few lines of plain text, for channels that know no more."""
    lines = [message.sentence, *(f"{label}: {value}" for label, value in message.facts), *message.more]
    return "\n".join([*lines, message.link, f"audit head {message.head}" if message.head else ""]).strip()
