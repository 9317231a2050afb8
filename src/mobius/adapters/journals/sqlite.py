"""The journal in a SQLite file: durable at every return, readable while it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mobius.adapters.journals.database import BUSY_S, FileDatabase
from mobius.adapters.journals.journal import SqlJournal
from mobius.adapters.journals.writing import unredacted


class SqliteJournal(SqlJournal):
    """A journal at `path`, made at its first write, for its owner alone (mode 0600).

    Every writing method returns once its transaction is on the disk (WAL, `synchronous = FULL`). Any number
    of processes and threads may use it; a writer waits `busy_s` seconds for another. With `read_only`,
    nothing on the disk is created or changed. `redact` takes secrets out of all text to be stored.
    """

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        redact: Callable[[str], str] = unredacted,
        busy_s: float = BUSY_S,
    ) -> None:
        super().__init__(FileDatabase(path, read_only=read_only, busy_s=busy_s), redact)
        self.path = path
