"""A message as Slack's Block Kit. Values stand in plain text, which Slack reads no markup in."""

from __future__ import annotations

import json
import re
from typing import Any

from mobius.errors import ConfigurationError
from mobius.model.notices import Message
from mobius.report.notices.json_templates import filled
from mobius.report.notices.plain import calls_nobody

HEADER, SECTION, FIELD, FIELDS, BLOCKS, CONTEXT = 150, 3000, 2000, 10, 50, 2000
PREVIEW = 500  # what a screen shows where there are blocks
TOTAL = 10_000  # of all text: Slack refuses somewhere above, and does not say where
NO_MARKUP = frozenset(
    ("url", "image_url", "thumb_url", "title_link", "alt_text", "value", "action_id", "block_id")
)
_MARKUP = re.compile(r"(?<![A-Za-z0-9])[*_~`]|[*_~`](?![A-Za-z0-9])")
_ADDRESS = re.compile(r"https?://\S+")
_MENTION = re.compile(r"(?:<@)?([UW][A-Z0-9]{6,})>?|(?:<!subteam\^)?(S[A-Z0-9]{6,})>?")


def slack_body(message: Message) -> dict[str, Any]:
    """The body for a webhook, within every limit: by the project's template, or in our form."""
    if message.made:
        try:
            return _limited(_by_template(message))
        except ConfigurationError:
            return _limited(_ours(message))  # told where templates are checked; a lost message helps nobody
    return _limited(_ours(message))


def _ours(message: Message) -> dict[str, Any]:
    fields = [_plain(f"{label}: {value}", FIELD) for label, value in message.facts[:FIELDS]]
    blocks: list[dict[str, Any]] = [{"type": "header", "text": _plain(message.title, HEADER)}]
    if mention := _mention(message.to):
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": mention}})
    if message.sentence:
        blocks.append({"type": "section", "text": _plain(message.sentence, SECTION)})
    if fields:
        blocks.append({"type": "section", "fields": fields})
    if message.more:
        blocks.append({"type": "section", "text": _plain("\n".join(message.more), SECTION)})
    if message.link:
        button = {"type": "button", "text": _plain("Open", 75), "url": message.link[:3000]}
        blocks.append({"type": "actions", "elements": [button]})
    if message.head:
        blocks.append({"type": "context", "elements": [_plain(f"audit head {message.head}", CONTEXT)]})
    # Read by screens and notifications alone, but as markup.
    return {"text": escape(f"{message.title}: {message.sentence}"), "blocks": blocks}


def _mention(to: str) -> str:
    if not (found := _MENTION.fullmatch(to)):
        return escape(to) if to else ""
    return f"<@{found[1]}>" if found[1] else f"<!subteam^{found[2]}>"


def escape(value: str) -> str:
    """A value as data in mrkdwn: no mention, no link of its own, no bold; an address stays one that can be opened."""
    text = calls_nobody(value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    ends, pieces = 0, []
    for address in _ADDRESS.finditer(text):
        pieces += [_MARKUP.sub("\u200b\\g<0>", text[ends : address.start()]), address[0]]
        ends = address.end()
    return "".join([*pieces, _MARKUP.sub("\u200b\\g<0>", text[ends:])])


def _by_template(message: Message) -> dict[str, Any]:
    made = filled(message.made, message.values, escape)
    if not isinstance(made, dict) or not (made.keys() & {"blocks", "text", "attachments"}):
        raise ConfigurationError(
            "has none of text, blocks and attachments", "give it one of them, then: mobius notify check"
        )
    for ignored in ("channel", "username", "icon_emoji", "icon_url"):  # a webhook cannot set them
        made.pop(ignored, None)
    made.setdefault("text", escape(message.title))
    plain: dict[str, Any] = _with_plain_text(made)
    return plain


def _with_plain_text(node: Any) -> Any:
    """In plain text, and in an address, there are no entities: what was escaped for markup is as it was."""
    if isinstance(node, list):
        return [_with_plain_text(each) for each in node]
    if not isinstance(node, dict):
        return node
    made = {key: _with_plain_text(value) for key, value in node.items()}
    plain = NO_MARKUP | ({"text"} if made.get("type") == "plain_text" else set())
    for key in plain & made.keys():
        if isinstance(made[key], str):
            made[key] = unescape(made[key])
    return made


def unescape(text: str) -> str:
    """What `escape` made of it, back again."""
    return text.replace("\u200b", "").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _limited(body: dict[str, Any]) -> dict[str, Any]:
    """Each text, the number of blocks, and all of it, within Slack's limits."""
    left, body = [TOTAL], dict(body)
    if isinstance(body.get("text"), str):
        body["text"] = _cut(body["text"], PREVIEW if body.get("blocks") else SECTION)
        left[0] -= len(body["text"])
    if isinstance(body.get("blocks"), list):
        kept = []
        for block in body["blocks"][:BLOCKS]:
            if isinstance(block, dict) and left[0] > 0:
                kept.append(_block(block, left))
        body["blocks"] = kept
    if len(json.dumps(body.get("attachments", []))) > 2 * TOTAL:
        body["attachments"] = []
    return body


def _block(block: dict[str, Any], left: list[int]) -> dict[str, Any]:
    longest = HEADER if block.get("type") == "header" else SECTION
    made = dict(block)
    if isinstance(block.get("text"), dict):
        made["text"] = _text(block["text"], longest, left)
    for key, most, limit in (("fields", FIELDS, FIELD), ("elements", 25, CONTEXT)):
        if isinstance(block.get(key), list):
            made[key] = [_text(each, limit, left) for each in block[key][:most]]
    return made


def _text(node: Any, longest: int, left: list[int]) -> Any:
    if not isinstance(node, dict) or not isinstance(node.get("text"), str):
        return node
    cut = _cut(node["text"] or " ", max(1, min(longest, left[0])))
    left[0] -= len(cut)
    return {**node, "text": cut}


def _plain(text: str, longest: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": _cut(text, longest) or " ", "emoji": False}


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: max(0, longest - 1)] + "…"
