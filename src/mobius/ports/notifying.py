"""What tells people: the outbox with each message on its way, and the channels they go through."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mobius.model.notices import ChannelSettings, ChannelState, Delivery, Message, NotSent, Sent
from mobius.model.notices import Settlement as Settlement
from mobius.model.run import Event, OutboxRow
from mobius.model.seen import Note


class Outbox(Protocol):
    """The sending half of the journal: every writing method is one transaction, durable at its return."""

    def unrouted(self, environment: str) -> tuple[OutboxRow, ...]:
        """Messages of which nobody has said yet through which channels they go, oldest first."""

    def route(self, row: OutboxRow, environment: str, channels: Collection[str], *, now: float) -> None:
        """It goes through these. Doing it again changes nothing."""

    def deliveries(
        self, environment: str, *, states: Collection[str] = ("waiting",), since: float = 0.0
    ) -> tuple[Delivery, ...]:
        """In the order of the events; of those that were sent, only since then."""

    def channels(self, environment: str) -> Mapping[str, ChannelState]:
        """How each channel stands that was ever used."""

    def claim(self, environment: str, channel: str, *, who: str, now: float, until: float) -> bool:
        """Whether the channel is now ours until then: nobody else sends through it meanwhile. A claim that was not
        settled ends by itself."""

    def settle(self, environment: str, channel: str, made: Settlement, *, who: str, now: float) -> None:
        """Writes down what became of it and lets go of the claim. What was sent is sent, also when the claim was
        lost meanwhile."""

    def alerts(self, environment: str, *, since: float) -> tuple[OutboxRow, ...]:
        """Messages with the topic "alert" since then, oldest first, sent or not."""

    def retry(self, environment: str, row_ids: Collection[int] | None, *, now: float) -> int:
        """Dead messages wait again, and every channel is tried at once; None for all. Returns how many."""

    def say_once(self, environment: str, note: Note, *, key: str, after: int, now: float) -> Event | None:
        """Appends the event with `key` in its data, unless an event of that kind with that key comes after seq
        `after` already; then None. Two who say it at once say it once."""


class Notifier(Protocol):
    """One channel. Third parties register what makes one in the entry point group `mobius.notifiers`."""

    def deliver(self, message: Message) -> Sent | NotSent:
        """Hands the message to the receiver, within the channel's timeout. Never raises for what a receiver does."""

    def missing(self) -> str:
        """What it lacks on this machine before it can send at all (a variable, a file, a package); "" for nothing."""


@dataclass(frozen=True, slots=True)
class NotifierAround:
    """What a maker of notifiers is given besides the channel's settings."""

    service: str
    environment: str
    environ: Mapping[str, str] = field(default_factory=dict)


class NotifierMaker(Protocol):
    """Makes a notifier; asks nobody anything yet."""

    def __call__(self, channel: ChannelSettings, around: NotifierAround) -> Notifier: ...


Notifiers = Sequence[tuple[ChannelSettings, Notifier]]
