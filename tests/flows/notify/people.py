"""A sender in memory: a journal, a clock that jumps, and receivers that answer as they are told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mobius.adapters.clocks.memory import MemoryClock
from mobius.adapters.journals.journal import SqlJournal
from mobius.adapters.journals.memory import MemoryJournal
from mobius.adapters.notifiers.memory import MemoryNotifier
from mobius.flows.notify.look import escalate, route_new, tell_of_dead
from mobius.flows.notify.send import send_next
from mobius.flows.notify.telling import Telling
from mobius.model.notices import ChannelSettings, EscalationSettings, EscalationStep, NotifySettings
from mobius.model.seen import Note
from mobius.model.settings import EnvironmentSettings

OPS, MAIL = ChannelSettings("ops"), ChannelSettings("mail", kind="email")
STEPS = EscalationSettings(
    (
        EscalationStep("deploy lead", "Ann", "@ann", wait_s=300.0),
        EscalationStep("ops on call", "", "@ops-oncall", channel="mail", wait_s=600.0),
        EscalationStep("manager", wait_s=600.0),
    )
)


@dataclass
class People:
    """`ops` and `mail` remember what they got."""

    channels: tuple[ChannelSettings, ...] = (OPS,)
    notify: NotifySettings = field(default_factory=lambda: NotifySettings(group_wait_s=0.0))
    escalation: EscalationSettings = field(default_factory=EscalationSettings)
    journal: SqlJournal = field(default_factory=MemoryJournal)
    clock: MemoryClock = field(default_factory=MemoryClock)
    luck: float = 0.0

    def __post_init__(self) -> None:
        self.receivers = {channel.name: MemoryNotifier() for channel in self.channels}
        self.ops = self.receivers[self.channels[0].name]

    def telling(self, who: str = "one") -> Telling:
        settings = EnvironmentSettings(
            name="production",
            url="http://127.0.0.1:1",
            root=Path("/nowhere"),
            notify=replace(self.notify, channels=self.channels),
            escalation=self.escalation,
        )
        notifiers = [(channel, self.receivers[channel.name]) for channel in self.channels]
        return Telling("dhash", settings, self.journal, self.clock, notifiers, who, lambda: self.luck)

    def say(self, kind: str, message: str, topic: str = "", **data: Any) -> int:
        """One event; the number of its row in the outbox."""
        note = Note(kind, message, data, topic)
        self.journal.say(None, "production", note, now=self.clock.now())
        rows = self.journal.outbox(unsent_only=False)
        return rows[-1].id if rows else 0

    def look(self, who: str = "one") -> None:
        """Everything that is due at this moment."""
        telling = self.telling(who)
        route_new(telling)
        tell_of_dead(telling)
        escalate(telling)
        route_new(telling)
        for channel, notifier in telling.notifiers:
            while send_next(telling, channel, notifier) == 0.0:
                pass

    def pass_time(self, seconds: float, step_s: float = 10.0) -> None:
        """The sender looks all along."""
        until = self.clock.monotonic() + seconds
        self.look()
        while self.clock.monotonic() < until:
            self.clock.wait(min(step_s, until - self.clock.monotonic()))
            self.look()

    def titles(self, channel: str = "ops") -> list[str]:
        return [message.title for message in self.receivers[channel].got]

    def said(self, channel: str = "ops") -> list[str]:
        return [message.sentence for message in self.receivers[channel].got]
