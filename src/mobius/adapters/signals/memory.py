"""Signals that answer from a script, for tests of what stands above them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mobius.model.sample import Sample

GOOD = (Sample("probe", 0.0, ok=True, value=5.0),)
BAD = (Sample("probe", 0.0, ok=False, note="connection refused"),)
BLIND = (Sample("probe", 0.0, missing="too many open files here"),)


@dataclass(slots=True)
class MemorySignals:
    """Gives each reading of its script once, stamped with the time asked for, and goes on with the last."""

    script: Sequence[Sequence[Sample]] = field(default_factory=lambda: [GOOD])
    taken: int = 0

    def sample(self, now: float) -> tuple[Sample, ...]:
        """The next scripted reading."""
        reading = self.script[min(self.taken, len(self.script) - 1)]
        self.taken += 1
        return tuple(replace(sample, at=now) for sample in reading)
