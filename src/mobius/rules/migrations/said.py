"""What a rule says: a hazard's id, how bad, what happens, and the safe way with the user's own names."""

from __future__ import annotations

from dataclasses import dataclass

from mobius.model.linting import Impact

LOW, MEDIUM, HIGH = Impact.LOW, Impact.MEDIUM, Impact.HIGH


@dataclass(frozen=True, slots=True)
class Said:
    """One hazard, before it is bound to its line."""

    hazard: str
    severity: Impact
    message: str
    advice: str = ""


def quoted(name: str) -> str:
    """A name as SQL needs it."""
    plain = name.isidentifier() and name == name.lower()
    return name if plain else '"' + name.replace('"', '""') + '"'


def softer(severity: Impact, small: bool) -> Impact:
    """A scan of a table that is known to be small is over at once."""
    return LOW if small else severity
