"""The journal in memory, for tests and rehearsals: the same tables and the same rules, without a file."""

from __future__ import annotations

from collections.abc import Callable

from mobius.adapters.journals.database import MemoryDatabase
from mobius.adapters.journals.journal import SqlJournal
from mobius.adapters.journals.writing import unredacted


class MemoryJournal(SqlJournal):
    """A journal that is gone with its process. Safe in every thread."""

    def __init__(self, redact: Callable[[str], str] = unredacted) -> None:
        super().__init__(MemoryDatabase(), redact)
