"""The gate on films in the window: each new one is judged once, also where it was only touched."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mobius.adapters.signals.gates import answer
from mobius.adapters.signals.newest_file import Found, newest_file
from mobius.model.sample import WAITING, Sample
from mobius.model.verdict import CheckResult
from mobius.ports import Clock

Judge = Callable[[Path], tuple[CheckResult, ...]]


class FilmGate:
    """Asks `judge` of the newest film that matches `pattern`, was made after `since` (unix seconds) and is done.

    A film is the same by its name and its SHA-256; another of the same content counts by itself, and is not measured
    again. `every_s`: past that time without a new one the gate is missing (None: a film may come whenever).
    """

    def __init__(
        self, signal: str, pattern: str, judge: Judge, clock: Clock, since: float, every_s: float | None
    ) -> None:
        self._signal, self._pattern, self._judge = signal, pattern, judge
        self._clock, self._since, self._every_s = clock, since, every_s
        self._looked_at: Found | None = None
        self._judged: set[tuple[str, str]] = set()
        self._answers: dict[str, Sample] = {}
        self._new_at = clock.monotonic()

    def ask(self) -> Sample | None:
        """The answer about a film that is new; None where there is no new one, and none is overdue."""
        found = newest_file(self._pattern, self._clock.wait, since=self._since)
        if found is None or found == self._looked_at:
            return self._nothing_new()
        path, digest = Path(found.path), _digest(Path(found.path))
        if digest is None:  # gone since: the next look finds what is there then
            return self._nothing_new()
        self._looked_at = found
        if (found.path, digest) in self._judged:
            return self._nothing_new()
        if digest not in self._answers:
            said = answer(self._signal, self._judge(path))
            if _digest(path) != digest:  # written to meanwhile: that was no whole film
                self._looked_at = None
                return self._nothing_new()
            words = said.note or said.missing
            named = f"{path.name}: {words}" if words else ""
            self._answers[digest] = replace(
                said, note=named if said.note else "", missing=named if said.missing else ""
            )
        self._judged.add((found.path, digest))
        self._new_at = self._clock.monotonic()
        return self._answers[digest]

    def _nothing_new(self) -> Sample | None:
        quiet_s = self._clock.monotonic() - self._new_at
        if self._every_s is not None and quiet_s > self._every_s:
            missing = f"no new film {self._pattern} for {quiet_s:.0f} s, one is due every {self._every_s:g} s"
            return Sample(self._signal, 0.0, missing=missing)
        if self._judged:
            return None
        missing = f"no film {self._pattern} that was made since the release is live, and is done"
        return Sample(self._signal, 0.0, missing=missing, note=WAITING)


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
