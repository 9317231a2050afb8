"""What makes the steps of a validation, and what keeps its report."""

from __future__ import annotations

from typing import Protocol

from mobius.model.premerge import Premerge, StepResult


class Running(Protocol):
    """One step that was started."""

    def poll(self) -> StepResult | None:
        """How it ended; None while it goes on. One that ended without a word, crashed, or had to be ended because its
        time was up, is an ERROR with the end of what it said. Never raises."""

    def last_line(self) -> str:
        """The newest line that it wrote, "" before the first. Never raises."""

    def end(self) -> None:
        """Ends it now, with everything that it started; ended already is a success."""


class Steps(Protocol):
    """Starts steps, each by itself."""

    def start(self, name: str) -> Running:
        """Starts one. Never raises: what could not be started has ended with an ERROR."""


class Reports(Protocol):
    """Keeps the report of one validation."""

    def begin(self, validation: Premerge) -> None:
        """Takes away what an earlier validation left, after the report says that this one has begun: from then on no
        reader takes the old one for this. Raises `MobiusError` where that cannot be written."""

    def write(self, validation: Premerge) -> None:
        """How it stands now, whole or not at all."""

    def finish(self, validation: Premerge) -> None:
        """Every form of the report."""
