"""The first name of each hard-linked file, and what became of it in the archive; on disk, since a tree of packages
may be nothing but hard links."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import NamedTuple

from mobius.archive.zip_out import Member


class FirstName(NamedTuple):
    """A file in the archive that has further names: its headers, where its data is, and where in the manifest the part
    of its line is that all its names share."""

    path: str
    member: Member
    at: int
    line_at: int
    line_bytes: int


class FirstNames:
    """Files by their inode."""

    def __init__(self) -> None:
        self._table: sqlite3.Connection | None = None

    def remember(self, inode: str, first: FirstName) -> None:
        if self._table is None:
            # Without a name it is a private file, gone when it is closed; most of it stays out of memory.
            self._table = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            self._table.execute("PRAGMA journal_mode = OFF")
            self._table.execute(
                "CREATE TABLE first (inode TEXT PRIMARY KEY, path TEXT, name BLOB, method INT, crc32 INT, packed INT,"
                " size INT, mode INT, mtime_ns INT, uid INT, gid INT, chunked INT, at INT, line_at INT,"
                " line_bytes INT) WITHOUT ROWID"
            )
        row = (inode, first.path, *first.member, first.at, first.line_at, first.line_bytes)
        marks = ", ".join("?" * len(row))
        self._table.execute(f"INSERT OR REPLACE INTO first VALUES ({marks})", row)

    def find(self, inode: str) -> FirstName | None:
        if self._table is None or not inode:
            return None
        row = self._table.execute("SELECT * FROM first WHERE inode = ?", (inode,)).fetchone()
        if row is None:
            return None
        member = Member._make((*row[2:11], bool(row[11])))
        return FirstName._make((row[1], member, *row[12:]))

    def close(self) -> None:
        if self._table is not None:
            with contextlib.suppress(sqlite3.Error):
                self._table.close()
