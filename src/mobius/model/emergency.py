"""What was done while no journal could be written, until a journal has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mobius.model.run import Run

TAKEN_IN = "emergency recorded"  # kinds of events; the key of what was taken in is in the data of this one
RAISED = "token raised"


@dataclass(frozen=True, slots=True)
class Epoch:
    """A fencing token that an emergency gave itself, above any that a journal had given: who, and when (Unix seconds).
    `token` 0: there was never one."""

    token: int = 0
    by: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Spooled:
    """One way back that no journal has yet.

    `key` names it in every journal, `run` is how it began, and `lines` what was written since, in order, each one as
    `{"do": "begin", "at": …, …}`. `is_ended`: its last line says how it ended. `is_going_on`: the process that writes
    it lives. `damage`: why lines after the last one here are not believed, "" where none are missing.
    """

    key: str
    run: Run
    lines: tuple[Mapping[str, Any], ...] = ()
    is_ended: bool = False
    is_going_on: bool = False
    damage: str = ""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What the hosts of a fleet have seen, against `token`, the highest that the journal gave. `highest`: theirs.
    `above`: the hosts that have seen a higher one, `silent`: those that were not asked, with the reason."""

    token: int
    highest: Epoch
    above: tuple[str, ...] = ()
    silent: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_so(self) -> bool:
        """Whether whoever asks the journal is refused by any of them."""
        return self.highest.token > self.token
