"""Scanners that answer what they were told."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.model.scan import Asked


class MemoryScanners:
    """`mobius.ports.scanning.Scanners` with fixed answers."""

    def __init__(self, answers: Sequence[Asked] = ()) -> None:
        self.answers = tuple(answers)

    def ask(self) -> tuple[Asked, ...]:
        return self.answers
