"""What a change of configuration may do, one reason a line."""

from __future__ import annotations

from dataclasses import dataclass

from mobius.model.linting import Impact


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """One change between the release that is deployed and the candidate. `undo`: how it is taken back, where it is
    HIGH."""

    file: str
    key: str
    impact: Impact
    reason: str
    undo: str = ""


def worst_of(changes: tuple[ConfigChange, ...]) -> Impact:
    """The impact of all of them together: LOW where there is none."""
    return max((change.impact for change in changes), default=Impact.LOW)
