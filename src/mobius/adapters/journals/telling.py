"""A journal whose messages find a sender: after each one that is written, somebody is told that there is something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mobius.adapters.journals.journal import SqlJournal
from mobius.adapters.journals.sqlite import SqliteJournal
from mobius.adapters.journals.writing import unredacted
from mobius.model.emergency import Spooled
from mobius.model.run import Event, Run, RunState
from mobius.model.seen import Note


def nobody() -> None:
    """Where no channel is configured."""


class Telling(SqlJournal):
    """`wake` is called when a message is in the journal for good. It must return at once, and never raise."""

    wake: Callable[[], None] = staticmethod(nobody)

    def move(self, run: Run, state: RunState, note: Note, *, now: float, **changes: Any) -> Run:
        moved = super().move(run, state, note, now=now, **changes)
        if note.topic:
            self.wake()
        return moved

    def say(self, run: Run | None, environment: str, note: Note, *, now: float, who: str = "") -> Event:
        said = super().say(run, environment, note, now=now, who=who)
        if note.topic:
            self.wake()
        return said

    def adopt(self, spooled: Spooled, *, now: float, who: str = "") -> Run | None:
        taken = super().adopt(spooled, now=now, who=who)
        self.wake()
        return taken


class TellingJournal(Telling, SqliteJournal):
    """The journal in a file, with a sender."""

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        redact: Callable[[str], str] = unredacted,
        wake: Callable[[], None] = nobody,
    ) -> None:
        super().__init__(path, read_only=read_only, redact=redact)
        self.wake = wake
