"""A message as an Adaptive Card 1.2 for a Workflows webhook. Values stand in text runs, which read no Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mobius.errors import ConfigurationError
from mobius.model.notices import Message, Severity
from mobius.report.notices.json_templates import filled

VERSION = "1.2"  # what phones show; desktops know more
LARGEST_BYTES = 22_000  # what the flow makes of it is larger, and over 28 KB it fails after it has said 202
LONGEST_LINK = 4000  # as it goes over the line
TOO_LONG = "it was too long for Teams; all of it: mobius notify status --all"
_COLORS = {Severity.INFO: "good", Severity.WARNING: "warning", Severity.CRITICAL: "attention"}
_MARKDOWN = re.compile(r"([\\*_\[\]`~])|^(\s*)([-#>+]|\d+[.)])(?=\s)", re.MULTILINE)
_ADDRESS = re.compile(r"https?://\S+")


def teams_body(message: Message) -> dict[str, Any]:
    """The body for a webhook, never above the size that gets through."""
    made = _by_template(message) if message.made else None
    for body in (made, _ours(message), _ours(_short(message)), _ours(_shortest(message))):
        if body is not None and size_bytes(body) <= LARGEST_BYTES:
            return body
    raise AssertionError("the shortest form has a bounded size")


def size_bytes(body: dict[str, Any]) -> int:
    """As it goes over the line."""
    return len(json.dumps(body, ensure_ascii=True).encode())


def _ours(message: Message) -> dict[str, Any]:
    color = _COLORS[message.severity]
    body = [_runs([_run(message.title, size="large", weight="bolder", color=color)])]
    if message.to:
        body.append(_runs([_run(message.to, weight="bolder")]))
    if message.sentence:
        body.append(_runs([_run(message.sentence)]))
    body += [_runs([_run(f"{label}: ", weight="bolder"), _run(value)]) for label, value in message.facts]
    body += [_runs([_run(line, fontType="monospace")]) for line in message.more]
    if message.head:
        body.append(_runs([_run(f"audit head {message.head}", size="small", isSubtle=True)]))
    actions = [{"type": "Action.OpenUrl", "title": "Open", "url": message.link}] if message.link else []
    return _wrapped(body, actions, f"{message.title}: {message.sentence}")


def _wrapped(body: list[Any], actions: list[Any], fallback: str) -> dict[str, Any]:
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": VERSION,
        "fallbackText": fallback[:1000],
        "body": body,
        **({"actions": actions} if actions else {}),
    }
    return _message(card)


def _message(card: dict[str, Any]) -> dict[str, Any]:
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


def _runs(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": runs}


def _run(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text or " ", **more}


def _short(message: Message) -> Message:
    """The rest is behind the link, or behind the command."""
    facts = tuple((label[:40], value[:120]) for label, value in message.facts[:10])
    cut = (*(line[:160] for line in message.more[:8]), TOO_LONG)
    return replace(message, made="", sentence=message.sentence[:600], facts=facts, more=cut)


def _shortest(message: Message) -> Message:
    link = message.link if len(json.dumps(message.link)) <= LONGEST_LINK else ""
    title, sentence, to = message.title[:200], message.sentence[:300], message.to[:200]
    return replace(
        message, made="", title=title, sentence=sentence, facts=(), more=(TOO_LONG,), link=link, to=to
    )


def _by_template(message: Message) -> dict[str, Any] | None:
    """None where the template is no card: our form goes out in its place."""
    try:
        made = filled(message.made, message.values, escape)
    except ConfigurationError:
        return None
    card = _card_in(made)
    if card is None:
        return None
    card["version"] = VERSION
    card.setdefault("fallbackText", message.title)
    return _message(card)


def _card_in(made: Any) -> dict[str, Any] | None:
    if not isinstance(made, dict):
        return None
    if made.get("type") == "AdaptiveCard":
        return dict(made)
    if "sections" in made or made.get("@type") == "MessageCard":
        return _from_message_card(made)
    for attached in made.get("attachments") or () if isinstance(made.get("attachments"), list) else ():
        content = attached.get("content") if isinstance(attached, dict) else None
        if isinstance(content, dict) and content.get("type") == "AdaptiveCard":
            return dict(content)
    return None


def _from_message_card(old: dict[str, Any]) -> dict[str, Any]:
    """Workflows take Adaptive Cards alone: what a MessageCard says, in one."""
    title = str(old.get("title") or old.get("summary") or "")
    body: list[dict[str, Any]] = [_text(title, size="large", weight="bolder")] if title else []
    if old.get("text"):
        body.append(_text(str(old["text"])))
    for section in old.get("sections") or () if isinstance(old.get("sections"), list) else ():
        body += _section(section) if isinstance(section, dict) else []
    actions = list(_opened(old.get("potentialAction")))
    card = {"type": "AdaptiveCard", "body": body or [_text(" ")], "fallbackText": title or " "}
    return {**card, **({"actions": actions} if actions else {})}


def _section(section: dict[str, Any]) -> list[dict[str, Any]]:
    titles = [str(section[key]) for key in ("title", "activityTitle") if section.get(key)]
    body = [_text(title, weight="bolder") for title in titles]
    body += [
        _text(str(section[key])) for key in ("activitySubtitle", "activityText", "text") if section.get(key)
    ]
    given = section.get("facts")
    facts = [
        {"title": str(fact.get("name", "")), "value": str(fact.get("value", ""))}
        for fact in (given if isinstance(given, list) else ())
        if isinstance(fact, dict)
    ]
    return [*body, {"type": "FactSet", "facts": facts}] if facts else body


def _opened(actions: Any) -> Iterator[dict[str, Any]]:
    for action in actions if isinstance(actions, list) else ():
        targets = action.get("targets") if isinstance(action, dict) else None
        first = targets[0] if isinstance(targets, list) and targets else None
        uri = first.get("uri") if isinstance(first, dict) else None
        if isinstance(uri, str) and uri.startswith(("http://", "https://")):
            yield {"type": "Action.OpenUrl", "title": str(action.get("name") or "Open"), "url": uri}


def _text(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text or " ", "wrap": True, **more}


def escape(value: str) -> str:
    """A value as data in Markdown; an address stays one that can be opened."""
    ends, pieces = 0, []
    for address in _ADDRESS.finditer(value):
        pieces += [_escaped(value[ends : address.start()]), address[0]]
        ends = address.end()
    return "".join([*pieces, _escaped(value[ends:])])


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(lambda m: f"\\{m[1]}" if m[1] else f"{m[2]}\\{m[3]}", text)
