"""The settings of telling people: channels, patience, and who is told next; and what each alone cannot tell."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from mobius.config.kinds import Choice, Duration, Number, Text
from mobius.config.mistakes import Mistakes, Place, did_you_mean
from mobius.config.rows import VARIABLE
from mobius.config.shapes import ListOf
from mobius.config.table import Field, Item, Rows, Section, with_defaults_of
from mobius.config.tree import Leaf, Node, Tree, at, is_sound
from mobius.model.notices import (
    ChannelSettings,
    EscalationSettings,
    EscalationStep,
    NotifySettings,
    Severity,
    Topic,
)

ENTRY_POINTS = "mobius.notifiers"
BY_URL = ("slack", "teams", "webhook", "apprise")
KINDS = (*BY_URL, "email")
_MAIL = ("host", "port", "tls", "user", "password_env", "password_file", "from", "to")
_NAME = Text("a name of a-z, 0-9, - and _, at most 63", r"[a-z0-9][a-z0-9_-]{0,62}")
_PATH = Text("a path")
_MAILBOX = Text('an address such as "ops@example.org"', r"[^\s@<>,;\"]+@[^\s@<>,;\"]+", longest=254)
_ADDRESS = Text("an http or https address", r"https?://[^\s/?#@]+\S*", longest=2000)
_TOPICS = tuple(str(topic) for topic in Topic)

NOTIFYING: tuple[Item, ...] = (
    Section(
        "notify",
        (
            *with_defaults_of(
                NotifySettings,
                Field("templates", _PATH, "Folder of templates; without one for a message it has our form."),
                Field("group_wait", Duration(zero=True), "So long an alert waits for others to go with it."),
                Field(
                    "group_interval", Duration(), "About the same thing there is one message in this time."
                ),
                Field(
                    "repeat_interval",
                    Duration(),
                    "The same words, and an alert that nobody acknowledged, come again after this.",
                ),
                Field(
                    "attempts",
                    Number(1, 10_000, whole=True),
                    "After so many a message is dead, until `mobius notify retry`.",
                ),
                Field("give_up_after", Duration(), "Or when it is as old as this."),
                Field("dashboard_url", _ADDRESS, "What messages link to."),
                Field("runbook_url", _ADDRESS, "For whoever is called."),
                Field("logs_url", _ADDRESS, "For templates."),
                Field("artifacts_url", _ADDRESS, "For templates."),
                Field("repository", Text("text", longest=200), "For templates, such as `acme/dhash`."),
            ),
            Rows(
                "channel",
                with_defaults_of(
                    ChannelSettings,
                    Field("name", _NAME, "The name, unlike any other's.", required=True),
                    Field(
                        "kind",
                        Text('a kind of channel such as "slack"', r"[a-z][a-z0-9_-]{0,62}"),
                        "`slack`, `teams`, `email`, `webhook`, `apprise`, or one that an installed package adds.",
                    ),
                    Field("url_env", VARIABLE, "The variable that holds the webhook's address."),
                    Field("url_file", _PATH, "Or a file that holds it."),
                    Field(
                        "secret_env", VARIABLE, "`webhook`: the variable with the key that signs requests."
                    ),
                    Field("secret_file", _PATH, "Or a file that holds it."),
                    Field(
                        "topics",
                        ListOf(Text("a topic"), 'a list of topics, such as ["alert", "rolled_back"]'),
                        f"Only these: {', '.join(f'`{topic}`' for topic in Topic)}.",
                        default_words="all",
                    ),
                    Field("severity", Choice(tuple(str(each) for each in Severity)), "The least."),
                    Field(
                        "environments",
                        ListOf(Text("a name", r"[A-Za-z0-9_-]{1,63}"), 'a list, such as ["production"]'),
                        "Only of these.",
                        default_words="all",
                    ),
                    Field("per_minute", Number(1, 600, whole=True), "Most messages; what is beyond waits."),
                    Field("timeout", Duration(), "Longest wait for the receiver."),
                    Field("ca_file", _PATH, "Certificates (PEM) to believe besides the system's."),
                    Field(
                        "host",
                        Text("the name of a host", r"[A-Za-z0-9._:\[\]-]+"),
                        "`email`: the SMTP server.",
                    ),
                    Field(
                        "port",
                        Number(0, 65_535, whole=True),
                        "`email`: its port.",
                        default_words="587; 465 with `tls`, 25 with `none`",
                    ),
                    Field(
                        "tls", Choice(("starttls", "tls", "none")), "`email`: how the line is kept private."
                    ),
                    Field("user", Text("text", longest=200), "`email`: who logs in."),
                    Field("password_env", VARIABLE, "`email`: the variable with the password."),
                    Field("password_file", _PATH, "Or a file that holds it."),
                    Field("from", _MAILBOX, "`email`: who writes."),
                    Field("to", ListOf(_MAILBOX, "a list of addresses"), "`email`: who reads."),
                ),
                "A way to reach people.",
            ),
        ),
        "Who is told of what.",
    ),
    Section(
        "escalation",
        (
            Rows(
                "steps",
                with_defaults_of(
                    EscalationStep,
                    Field("role", Text("text", longest=100), 'Such as "deploy lead".', required=True),
                    Field("name", Text("text", longest=100), "Who that is."),
                    Field(
                        "contact",
                        Text("text", longest=200),
                        "How they are reached: a handle, a number; a mail address gets the mail of its channel.",
                    ),
                    Field(
                        "channel",
                        _NAME,
                        "One of `notify.channel`.",
                        default_words="every one that takes alerts",
                    ),
                    Field("wait", Duration(), "How long they have to acknowledge, before the next is told."),
                ),
                "Whom an alert goes to, one after the other.",
            ),
        ),
        "Who is told next when nobody acknowledges an alert.",
    ),
)


def notify_settings(values: dict[str, Any], project: Path) -> NotifySettings:
    """From complete values."""

    def path(value: str | None) -> Path | None:
        return project / Path(value).expanduser() if value else None

    channels = []
    for row in values["channel"]:
        own = {key: value for key, value in row.items() if value is not None and key != "from"}
        own |= {key: path(row[key]) for key in row if key.endswith("_file")}
        channels.append(ChannelSettings(**own, sender=row["from"] or ""))
    own = {key: value for key, value in values.items() if key != "channel" and value is not None}
    templates = path(values["templates"]) or project / "notifications"
    return NotifySettings(**own | {"channels": tuple(channels), "templates": templates})


def escalation_settings(values: dict[str, Any]) -> EscalationSettings:
    """From complete values."""
    return EscalationSettings(tuple(EscalationStep(**row) for row in values["steps"]))


def check_notify(tree: Tree, mistakes: Mistakes) -> None:
    """Every mistake of every channel and step; what rests on a value that is wrong by itself is not judged."""
    notify, escalation = tree.get("notify"), tree.get("escalation")
    channels = _rows(notify, "channel")
    _check_names(channels, mistakes)
    for row in channels:
        if isinstance(name := row.get("name"), Leaf) and is_sound(row):
            place = Place(name.place.path.rpartition(".")[0], name.place.file, name.place.line)
            _check_channel(row, place, mistakes)
    names = [leaf.value for row in channels if (leaf := at(row, "name"))]
    for step in _rows(escalation, "steps"):
        if (leaf := at(step, "channel")) and leaf.value not in names:
            known = did_you_mean(leaf.value, names) or f"; there are {', '.join(names) or 'none'}"
            mistakes.add(leaf.place, f'no channel "{leaf.value}" in notify{known}')


def _check_names(rows: list[Tree], mistakes: Mistakes) -> None:
    seen: set[str] = set()
    for row in rows:
        if name := at(row, "name"):
            if name.value in seen:
                mistakes.add(name.place, f'"{name.value}" is the name of another channel too')
            seen.add(name.value)


def _check_channel(row: Tree, place: Place, mistakes: Mistakes) -> None:
    given = at(row, "kind")
    kind = str(given.value) if given else "slack"
    if kind not in KINDS:
        known = [*KINDS, *sorted({each.name for each in entry_points(group=ENTRY_POINTS)})]
        if kind not in known:
            there_are = did_you_mean(kind, known) or "; there are " + ", ".join(known)
            mistakes.add(given.place if given else place, f'no kind of channel "{kind}"{there_are}')
        return _check_topics(row, mistakes)
    if kind in BY_URL:
        _check_one_of(row, ("url_env", "url_file"), place, f"{kind} needs an address", mistakes)
        for key in _MAIL:
            if leaf := at(row, key):
                mistakes.add(leaf.place, f"means nothing with {kind}, only with email")
    else:
        for key in ("host", "from", "to"):
            if not (leaf := at(row, key)) or not leaf.value:
                mistakes.add(leaf.place if leaf else place, f"email needs {key}")
        for key in ("url_env", "url_file"):
            if leaf := at(row, key):
                mistakes.add(leaf.place, "means nothing with email, which has host")
        _check_password(row, mistakes)
    for key in ("secret_env", "secret_file"):
        if (leaf := at(row, key)) and kind != "webhook":
            mistakes.add(leaf.place, f"means nothing with {kind}, only with webhook")
    if "secret_env" in row and "secret_file" in row:
        mistakes.add(place, "found secret_env and secret_file, expected one of them")
    _check_topics(row, mistakes)
    return None


def _check_password(row: Tree, mistakes: Mistakes) -> None:
    user, tls = at(row, "user"), at(row, "tls")
    password = at(row, "password_env") or at(row, "password_file")
    if user and not password:
        mistakes.add(user.place, "given without password_env or password_file")
    if password and not user:
        mistakes.add(password.place, "given without user")
    if password and tls and tls.value == "none":
        mistakes.add(tls.place, 'the password would go over the line as it is, expected "starttls" or "tls"')


def _check_topics(row: Tree, mistakes: Mistakes) -> None:
    if topics := at(row, "topics"):
        for topic in topics.value:
            if topic not in _TOPICS:
                known = did_you_mean(topic, _TOPICS) or f"; there are {', '.join(_TOPICS)}"
                mistakes.add(topics.place, f'no topic "{topic}"{known}')


def _check_one_of(row: Tree, keys: tuple[str, str], place: Place, why: str, mistakes: Mistakes) -> None:
    given = [key for key in keys if key in row]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        mistakes.add(place, f"{why}: found {found}, expected one of {' and '.join(keys)}")


def _rows(section: Node | None, key: str) -> list[Tree]:
    node = section.get(key) if isinstance(section, dict) else None
    return [row for row in node if isinstance(row, dict)] if isinstance(node, list) else []


__all__ = ["EscalationSettings", "check_notify", "escalation_settings", "notify_settings"]
