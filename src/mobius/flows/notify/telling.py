"""What a sender has in its hands, and one message made of what it is about to send."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from mobius.errors import MobiusError
from mobius.model.notices import Delivery, Message, Topic
from mobius.model.release import Release
from mobius.model.run import Run
from mobius.model.settings import EnvironmentSettings
from mobius.ports.notifying import Notifiers, Outbox
from mobius.ports.recording import Clock, Journal
from mobius.report.notices.words import Around, message_of


class SendingJournal(Journal, Outbox, Protocol):
    """The journal, with its outbox."""


def no_template(kind: str, topic: Topic) -> str:
    """Where the project has none of its own."""
    return ""


@dataclass(frozen=True, slots=True)
class Telling:
    """One environment's sender. `who` tells it from every other one; `luck` is from 0 to 1, for pauses; `template`:
    the project's own for a kind of channel and a topic, "" for none; `say` is told what could not be done."""

    service: str
    settings: EnvironmentSettings
    journal: SendingJournal
    clock: Clock
    notifiers: Notifiers
    who: str
    luck: Callable[[], float]
    template: Callable[[str, Topic], str] = no_template
    say: Callable[[str], None] = lambda _: None


def message_for(batch: Sequence[Delivery], kind: str, telling: Telling) -> Message:
    """By the project's template where it is about one thing; several together are in our form."""
    runs: dict[int, Run] = {}
    for run_id in {int(delivery.payload.get("run_id") or 0) for delivery in batch} - {0}:
        with suppress(MobiusError):  # of a newer mobius: told without its plan
            runs[run_id] = telling.journal.run(run_id)
    releases: tuple[Release, ...] = ()
    with suppress(MobiusError):
        releases = telling.journal.releases(telling.settings.name)
    message = message_of(batch, Around(telling.service, telling.settings, runs, releases))
    made = telling.template(kind, message.topic) if len(batch) == 1 else ""
    return replace(message, made=made) if made else message
