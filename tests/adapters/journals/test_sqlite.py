"""The journal on SQLite keeps every promise of a journal, and its file those of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from adapters.contracts.journal_contract import JournalContract
from mobius.adapters.journals.sqlite import SqliteJournal


class TestSqliteJournal(JournalContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[..., SqliteJournal]:
        return partial(SqliteJournal, tmp_path / "state" / "journal.db")

    @pytest.fixture
    def journal(self, make: Callable[..., SqliteJournal]) -> Iterator[SqliteJournal]:
        journal = make()
        yield journal
        journal.close()
