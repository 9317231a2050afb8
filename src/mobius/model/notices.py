"""Telling people: the channels that are configured, a message as it goes out, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

MailTls = Literal["starttls", "tls", "none"]


class Topic(StrEnum):
    """What a message is about. Its name is that of its template in `notifications/`."""

    PLANNED = "planned"
    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    ROLLBACK_FAILED = "rollback_failed"
    ALERT = "alert"
    GATE_VIOLATION = "gate_violation"
    INCONCLUSIVE = "inconclusive"
    DISARMED = "disarmed"
    UNSENT = "unsent"
    ESCALATION = "escalation"


class Severity(StrEnum):
    """How much it matters, rising."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """A number that rises with it."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """One way to reach people. `kind`: slack, teams, email, webhook, apprise, or a name that a third party registered
    in the entry point group `mobius.notifiers`.

    `url_env`, `url_file`: where the webhook's address is found. `secret_*`: what signs the requests of a generic
    webhook. `topics`, `environments`: only these, () for all. `severity`: the least. `per_minute`: most messages.
    `host` to `password_*`: of e-mail. `ca_file`: whose certificates are believed besides the system's.
    """

    name: str
    kind: str = "slack"
    url_env: str = ""
    url_file: Path | None = None
    secret_env: str = ""
    secret_file: Path | None = None
    topics: tuple[str, ...] = ()
    severity: str = "info"
    environments: tuple[str, ...] = ()
    per_minute: int = 20
    timeout_s: float = 15.0
    ca_file: Path | None = None
    host: str = ""
    port: int = 0  # 0 for the usual one of `tls`
    tls: MailTls = "starttls"
    user: str = ""
    password_env: str = ""
    password_file: Path | None = None
    sender: str = ""
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """Who is told of what, and how patiently. An alert waits `group_wait_s` for others to go with it; about the same
    thing there is one message in `group_interval_s`; the same words, and an alert that nobody acknowledged, come again
    after `repeat_interval_s`. After `attempts`, or `give_up_after_s`, a message is dead. The addresses: see the fields.
    """

    channels: tuple[ChannelSettings, ...] = ()
    templates: Path = Path("notifications")
    group_wait_s: float = 5.0
    group_interval_s: float = 300.0
    repeat_interval_s: float = 14_400.0
    attempts: int = 100
    give_up_after_s: float = 86_400.0
    dashboard_url: str = ""
    runbook_url: str = ""
    logs_url: str = ""
    artifacts_url: str = ""
    repository: str = ""


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """Who is told next. `wait_s`: how long they have to acknowledge. `channel`: "" for every channel that takes
    alerts."""

    role: str
    name: str = ""
    contact: str = ""
    channel: str = ""
    wait_s: float = 900.0


@dataclass(frozen=True, slots=True)
class EscalationSettings:
    """The steps an alert goes through until somebody acknowledges it; none, and it only comes again."""

    steps: tuple[EscalationStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel is asked to say. `facts`: labels and values, in order. `values`: the variables of templates.
    `key`: the same for every attempt at it, so that a receiver can tell a second one. `to`: who is meant, where it is
    not everybody of the channel. `head`: of the audit log's chain."""

    key: str
    topic: Topic
    severity: Severity
    title: str
    sentence: str
    environment: str
    at: float
    facts: tuple[tuple[str, str], ...] = ()
    more: tuple[str, ...] = ()  # lines below: choices, or the messages that were put together
    link: str = ""
    head: str = ""
    to: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    made: str = ""  # by a template of the project, ready for its channel; "" for the built-in form


@dataclass(frozen=True, slots=True)
class Sent:
    """The receiver confirmed it; `answer` is what it said."""

    answer: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Why not. `final`: trying again is of no use until somebody mends something. `retry_after_s`: what the receiver
    asked for, 0 where it said nothing. `ours`: it lies on this machine, and is no attempt."""

    reason: str
    final: bool = False
    retry_after_s: float = 0.0
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way through one channel."""

    id: int  # of the outbox's row
    channel: str
    state: Literal["waiting", "sent", "dead", "repeated"]
    topic: str
    payload: dict[str, Any]
    created_at: float
    attempts: int = 0
    sent_at: float = 0.0
    answer: str = ""
    error: str = ""
    batch: int = 0  # the first row of the message that this one went out with


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How a channel stands in the journal: failures in a row, when it is tried next, and who sends through it now."""

    name: str
    failures: int = 0
    next_at: float = 0.0
    error: str = ""
    claimed_by: str = ""
    claimed_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of one message: which rows of the outbox went out with it, `failed`, are `dead`, or say the same as
    one that was sent before (`repeated`). `failures` in a row, and when the channel is tried next."""

    sent: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()
    dead: tuple[int, ...] = ()
    repeated: tuple[int, ...] = ()
    answer: str = ""
    error: str = ""
    failures: int = 0
    next_at: float = 0.0
