"""What keeps the evidence of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from mobius.model.evidence import Written


class EvidenceWriter(Protocol):
    """Writes statements into files that stay as they are."""

    def write(self, run_id: int, seq: int, statement: Mapping[str, Any]) -> Written:
        """The statement about a run up to event `seq`, whole or not at all, signed where that can be done; where it
        cannot, it is written all the same and says why. Repeating it for the same event returns the file that is
        there; for a later one it writes another beside it. Raises `MobiusError` where nothing can be written."""
