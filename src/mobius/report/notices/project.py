"""The templates that `mobius init` writes: a message a file, with variables that are filled when it is sent."""

from __future__ import annotations

import json
from typing import Any

from mobius.model.notices import Topic
from mobius.model.project import Wanted
from mobius.report.notices.variables import VARIABLES

MESSAGES = (
    (str(Topic.PLANNED), "Before a deployment"),
    (str(Topic.STARTED), "It has begun"),
    (str(Topic.SUCCEEDED), "It is live; it is kept"),
    (str(Topic.FAILED), "It failed"),
    (str(Topic.GATE_VIOLATION), "A gate said no"),
    (str(Topic.ROLLING_BACK), "It is going back"),
    (str(Topic.ROLLED_BACK), "It was taken back"),
    (str(Topic.ALERT), "Somebody is needed"),
)
_COLORS = {
    "succeeded": "good",
    "failed": "attention",
    "gate_violation": "attention",
    "rolling_back": "warning",
    "rolled_back": "warning",
    "alert": "attention",
}
_FACTS = (
    ("Environment", "{{environment}}"),
    ("Release", "{{release}}"),
    ("Led by", "{{deploy_lead}}"),
    ("When", "{{timestamp}}"),
)


def notices() -> tuple[Wanted, ...]:
    """Three files a message: Slack's blocks, an Adaptive Card for Teams, an e-mail."""
    made = []
    for name, _ in MESSAGES:
        made += [
            Wanted(f"notifications/slack/{name}.json", _json(_slack())),
            Wanted(f"notifications/teams/{name}.json", _json(_teams(_COLORS.get(name, "accent")))),
            Wanted(f"notifications/email/{name}.txt", _email()),
        ]
    return tuple(made)


def variables_table() -> list[tuple[str, str]]:
    """Every variable and what it is, for the page beside the templates."""
    return list(VARIABLES.items())


def _slack() -> dict[str, Any]:
    fields = [{"type": "plain_text", "text": f"{label}: {value}"} for label, value in _FACTS]
    return {
        "text": "{{title}}: {{message}}",
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "{{title}}"}},
            {"type": "section", "text": {"type": "plain_text", "text": "{{message}}"}},
            {"type": "section", "fields": fields},
            {
                "type": "section",
                "text": {
                    "type": "plain_text",
                    "text": "{{#choices}}{{.}}\n{{/choices}}Look: {{next_command}}",
                },
            },
            {"type": "context", "elements": [{"type": "plain_text", "text": "audit head {{head}}"}]},
        ],
    }


def _teams(color: str) -> dict[str, Any]:
    text = {"type": "TextBlock", "wrap": True}
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "fallbackText": "{{title}}: {{message}}",
        "body": [
            {**text, "size": "large", "weight": "bolder", "color": color, "text": "{{title}}"},
            {**text, "text": "{{message}}"},
            {"type": "FactSet", "facts": [{"title": label, "value": value} for label, value in _FACTS]},
            {**text, "fontType": "monospace", "text": "Look: {{next_command}}"},
            {**text, "size": "small", "isSubtle": True, "text": "audit head {{head}}"},
        ],
    }
    attached = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attached]}


def _email() -> str:
    facts = "".join(f"{label + ':':<13}{value}\n" for label, value in _FACTS)
    return (
        "Subject: {{title}}\n\n"
        f"{{{{message}}}}\n\n{facts}\n"
        "{{#choices}}- {{.}}\n{{/choices}}\nLook: {{next_command}}\n\naudit head {{head}}\n"
    )


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
