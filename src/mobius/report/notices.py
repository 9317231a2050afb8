"""Messages about a deployment for Slack, Teams and e-mail, as plain files with variables for `envsubst`."""

from __future__ import annotations

import json
from typing import Any

from mobius.model.project import Wanted
from mobius.model.settings import EnvironmentSettings

MESSAGES = (
    ("planned", "Before a deployment"),
    ("started", "It has begun"),
    ("succeeded", "It is live and kept"),
    ("failed", "It failed"),
    ("rolled_back", "It was taken back"),
    ("alert", "Somebody is needed"),
)
_SAID = {
    "planned": ("will be deployed to", "mobius plan"),
    "started": ("is being deployed to", "mobius monitor"),
    "succeeded": ("is live and kept in", "mobius report"),
    "failed": ("failed in", "mobius status"),
    "rolled_back": ("was taken back in", "mobius report"),
    "alert": ("needs somebody in", "mobius status"),
}
_COLORS = {"succeeded": "Good", "failed": "Attention", "rolled_back": "Warning", "alert": "Attention"}


def notices(service: str, e: EnvironmentSettings) -> tuple[Wanted, ...]:
    """Three files a message: Slack's blocks, an Adaptive Card for Teams, an e-mail with its headers."""
    made = []
    for name, _ in MESSAGES:
        said, command = _SAID[name]
        title = f"{service} ${{RELEASE_TAG}} {said} {e.name}"
        tag = " --tag ${RELEASE_TAG}" if name == "planned" else ""
        facts = (("When", "${WHEN}"), ("Led by", "${DEPLOY_LEAD}"), ("Why", "${REASON}"), ("Address", e.url))
        look = f"{command} -e {e.name}{tag}"
        made += [
            Wanted(f"notifications/slack/{name}.json", _json(_slack(title, facts, look))),
            Wanted(
                f"notifications/teams/{name}.json",
                _json(_teams(title, facts, look, _COLORS.get(name, "Accent"))),
            ),
            Wanted(f"notifications/email/{name}.txt", _email(title, facts, look)),
        ]
    return tuple(made)


def _slack(title: str, facts: tuple[tuple[str, str], ...], look: str) -> dict[str, Any]:
    fields = [{"type": "mrkdwn", "text": f"*{label}*\n{value}"} for label, value in facts]
    return {
        "text": title,
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": title}},
            {"type": "section", "fields": fields},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": f"Look: `{look}`"}]},
        ],
    }


def _teams(title: str, facts: tuple[tuple[str, str], ...], look: str, color: str) -> dict[str, Any]:
    card = {  # without its "$schema", which envsubst would take for a variable
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {
                "type": "TextBlock",
                "size": "Large",
                "weight": "Bolder",
                "color": color,
                "wrap": True,
                "text": title,
            },
            {"type": "FactSet", "facts": [{"title": label, "value": value} for label, value in facts]},
            {"type": "TextBlock", "wrap": True, "fontType": "Monospace", "text": look},
        ],
    }
    attached = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attached]}


def _email(title: str, facts: tuple[tuple[str, str], ...], look: str) -> str:
    head = f"To: ${{MAIL_TO}}\nSubject: {title}\nContent-Type: text/plain; charset=utf-8\n"
    body = "".join(f"{label + ':':<9}{value}\n" for label, value in facts)
    return f"{head}\n{title}.\n\n{body}\nLook: {look}\n"


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
