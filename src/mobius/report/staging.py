"""The stage of a canary that goes on, in one line: its share, the requests of both releases, what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.model.sample import Sample
from mobius.report.words import duration, percent, printable, shortened

CONTROL = "control"


class StageProgress:
    """Made by the event that opens the stage; counts the samples of both releases as they come."""

    def __init__(self, opened: Mapping[str, Any], at: float) -> None:
        self._percent = int(opened.get("percent") or 0)
        self._new, self._old = (
            printable(str(opened.get("new") or "")),
            printable(str(opened.get("old") or "")),
        )
        self._deadline = float(opened.get("deadline") or 0)
        self._at = at
        self._counted = {"traffic": (0, 0), CONTROL: (0, 0)}
        self._missing = ""
        self._note = ""

    def add(self, sample: Sample) -> None:
        """Counts one sample of this stage."""
        if sample.at <= self._at:
            return
        if sample.signal in self._counted and not sample.missing:
            requests, errors = self._counted[sample.signal]
            self._counted[sample.signal] = (requests + sample.requests, errors + sample.errors)
        if sample.signal == "probe":
            self._note = sample.missing or (sample.note if sample.ok is False else "")

    def reach(self, data: Mapping[str, Any]) -> None:
        """What is missing for enough, from a "so far" event."""
        self._missing = printable(str(data.get("missing") or ""))

    def words(self, now: float, width: int) -> str:
        """The line, leaving out what matters least until it fits."""
        left_s = max(0, round(self._deadline - now))
        share = f"{self._percent} %"
        sides = " · ".join(
            f"{tag} {self._side(signal)}" for tag, signal in ((self._new, "traffic"), (self._old, CONTROL))
        )
        left = f"{duration(left_s)} at most" if left_s else "time is up"
        note = self._note or self._missing
        for parts in ((share, sides, left, note), (share, sides, note or left), (share, sides)):
            line = " · ".join(part for part in parts if part)
            if len(line) <= width:
                return line
        return shortened(line, width)

    def _side(self, signal: str) -> str:
        requests, errors = self._counted[signal]
        return f"{requests:,} ({percent(100 * errors / requests)} bad)" if requests else "0"
