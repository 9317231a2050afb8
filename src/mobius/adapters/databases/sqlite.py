"""SQLite as a database of a service: captured while it is written to, and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mobius.archive.durable import in_words
from mobius.archive.sqlite_capture import Capture, DatabaseFacts, capture_database, check_database


@dataclass(frozen=True, slots=True)
class SqliteDatabase:
    """One way to look at SQLite files; waits `busy_timeout_s` for a lock, then says that it is locked."""

    busy_timeout_s: float = 10.0

    def capture(self, source: Path, target: Path) -> Capture:
        """Copy `source` to the new file `target` at one point in time, and check the copy.

        Raises BackupInvalid when `source` is no database or malformed, MobiusError when it is missing, stays
        locked, or the copy cannot be written; `target` does not exist then.
        """
        with in_words(f"{source} could not be captured", target.parent):
            return capture_database(source, target, busy_timeout_s=self.busy_timeout_s)

    def check(self, path: Path) -> DatabaseFacts:
        """Check integrity and foreign keys, and count rows, changing nothing; raises as `capture` does."""
        with in_words(f"{path} could not be checked", path.parent):
            return check_database(path, busy_timeout_s=self.busy_timeout_s)
