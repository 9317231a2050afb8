"""The journal in memory keeps every promise of a journal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapters.contracts.journal_contract import JournalContract
from mobius.adapters.journals.memory import MemoryJournal


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    def make(self) -> Callable[..., MemoryJournal]:
        return MemoryJournal

    @pytest.fixture
    def journal(self) -> MemoryJournal:
        return MemoryJournal()
