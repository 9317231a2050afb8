"""A message for a generic webhook: one JSON object with everything, for a program to read."""

from __future__ import annotations

import re
from typing import Any

from mobius.errors import ConfigurationError
from mobius.model.notices import Message
from mobius.report.notices.json_templates import filled

SCHEMA_VERSION = 1
# Slack, Discord, Mattermost and others ring for everybody, or for one, at these.
_CALL = re.compile(r"(@(?=(?:here|channel|everyone|all|group|room)\b)|<(?=[!@#]))", re.IGNORECASE)


def calls_nobody(value: str) -> str:
    """A value in which no word calls a whole channel, wherever such words are read in text that has no markup."""
    return _CALL.sub("\\1\u200b", value)


def webhook_body(message: Message) -> Any:
    """By the project's template, or in our form."""
    if message.made:
        try:
            return filled(message.made, message.values, calls_nobody)
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
    last = [message.link, f"audit head {message.head}" if message.head else ""]
    return "\n".join([*map(calls_nobody, lines), *last]).strip()
