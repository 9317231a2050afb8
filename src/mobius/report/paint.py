"""Colour on a terminal, or none: the only place that writes escape sequences for it."""

from __future__ import annotations

from dataclasses import dataclass

GOOD, BAD, WARN, DIM, BOLD = "32", "31", "33", "2", "1"


@dataclass(frozen=True, slots=True)
class Paint:
    """Paints when `color` is true; otherwise gives the text back as it is, so that widths can be compared."""

    color: bool = False

    def __call__(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self.color and text and style else text

    def mark(self, outcome: str) -> str:
        """The painted sign of an outcome."""
        return self(*sign_of(outcome))


def sign_of(outcome: str) -> tuple[str, str]:
    """(sign, style) of an outcome: ✓ PASS, ✗ FAIL, ? could not say, · not asked yet."""
    return {
        "PASS": ("✓", GOOD),
        "FAIL": ("✗", BAD),
        "ERROR": ("?", BAD),
        "INCONCLUSIVE": ("?", WARN),
        "WARNING": ("!", WARN),
    }.get(outcome, ("·", DIM))
