"""A message as an e-mail: text, and the same as HTML. What values say never becomes a header or markup."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from mobius.model.notices import Message, Severity
from mobius.report.notices.templates import parse, render

LONGEST_SUBJECT, LONGEST = 200, 200_000
_HEAD = re.compile(r"\A(?:[A-Za-z][A-Za-z-]{0,40}:[^\n]*\n)+\r?\n")
_ADDRESS = re.compile(r"[^\s@<>,;\"]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}|[^\s@<>,;\"]+@localhost")
_COLORS = {Severity.INFO: "#2e7d32", Severity.WARNING: "#b26a00", Severity.CRITICAL: "#b3261e"}


def mail(message: Message, sender: str, to: Sequence[str]) -> EmailMessage:
    """The mail, ready to be sent. Its Message-ID is the event's: a second copy can be told from a second message."""
    made = EmailMessage()
    subject, text, page = _ours(message) if not message.made else _by_template(message)
    made["Subject"] = one_line(subject)[:LONGEST_SUBJECT] or "mobius"
    made["From"] = sender
    made["To"] = ", ".join([message.to] if _ADDRESS.fullmatch(message.to) else to)
    made["Date"] = format_datetime(datetime.fromtimestamp(message.at, UTC))
    key = re.sub(r"[^A-Za-z0-9.-]", "-", message.key)[:120]
    made["Message-ID"] = f"<mobius.{key}@{sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    if message.severity is Severity.CRITICAL:
        made["X-Priority"] = "1"
        made["Importance"] = "high"
    made.set_content(_clean(text))
    made.add_alternative(_clean(page), subtype="html")
    return made


def _ours(message: Message) -> tuple[str, str, str]:
    width = max((len(label) for label, _ in message.facts), default=0) + 2
    facts = [f"{label + ':':<{width}}{value}" for label, value in message.facts]
    parts = ["\n".join(part) for part in ([message.sentence], facts, message.more) if "".join(part)]
    last = [line for line in (message.link, f"audit head {message.head}" if message.head else "") if line]
    text = "\n\n".join([message.title, *parts, "\n".join(last)]).rstrip() + "\n"
    return message.title, text, _page(message)


def _page(message: Message) -> str:
    e = html.escape
    rows = "".join(
        f"<tr><th align=left>{e(label)}&nbsp;</th><td>{e(value)}</td></tr>" for label, value in message.facts
    )
    more = "".join(f"<li><code>{e(line)}</code></li>" for line in message.more)
    link = f'<p><a href="{e(message.link)}">{e(message.link)}</a></p>' if message.link else ""
    head = f"<p><small>audit head <code>{e(message.head)}</code></small></p>" if message.head else ""
    return (
        f'<!doctype html><html><body style="font-family:sans-serif">'
        f'<h2 style="color:{_COLORS[message.severity]}">{e(message.title)}</h2>'
        f"<p>{e(message.sentence)}</p><table>{rows}</table><ul>{more}</ul>{link}{head}</body></html>"
    )


def _by_template(message: Message) -> tuple[str, str, str]:
    """A text with an optional head (its Subject counts), or a page where it begins with `<`."""
    pieces = message.made.replace("\r\n", "\n")
    head = _HEAD.match(pieces)
    subject = message.title
    for line in (head[0] if head else "").splitlines():
        name, _, value = line.partition(":")
        if name.lower() == "subject":
            subject = _filled(value.strip(), message)
    body = pieces[head.end() :] if head else pieces
    if body.lstrip()[:1] == "<":
        page = render(parse(body)[0], message.values, lambda _, value: html.escape(value))
        return subject, _ours(message)[1], page
    text = _filled(body, message)
    return subject, text, f"<!doctype html><html><body><pre>{html.escape(text)}</pre></body></html>"


def _filled(text: str, message: Message) -> str:
    return render(parse(text)[0], message.values)


def one_line(text: str) -> str:
    """Without anything that could begin another header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _clean(text: str) -> str:
    """What a mail can carry, and no more than is sensible."""
    kept = "".join(c for c in text if c.isprintable() or c in "\n\t")
    return kept[:LONGEST].encode("utf-8", "replace").decode()
