"""Files with a number and a name, `001_add_notes.sql`, and `001_add_notes.down.sql` where there is a way down."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mobius.adapters.migrations.records import Done, Recorded, read_in_order
from mobius.adapters.migrations.session import Session
from mobius.adapters.migrations.source import Change
from mobius.adapters.migrations.sql_files import digest, files_of, read_sql, version_key
from mobius.errors import GateFailed

TABLE = "mobius_migrations"
_NAME = re.compile(r"(\d+(?:\.\d+)*)[_-](.+)")
_DOWN = ".down.sql"


@dataclass(frozen=True, slots=True)
class Numbered:
    """Our own layout: the table has the SHA-256 of every applied file."""

    name: str = "numbered"
    title: str = "numbered by hand"
    may_begin: bool = False
    placeholder: re.Pattern[str] | None = None

    def claims(self, path: Path, root: Path) -> bool:
        return path.parent == root and bool(_NAME.fullmatch(path.name.removesuffix(".sql")))

    def read(self, root: Path) -> tuple[Change, ...]:
        files = {path.name: path for path in files_of(root)}
        downs = {name: path for name, path in files.items() if name.endswith(_DOWN)}
        found = []
        for name, path in files.items():
            if name in downs:
                continue
            match = _NAME.fullmatch(path.stem)
            assert match is not None  # it was claimed
            text, down = read_sql(path), downs.pop(path.stem + _DOWN, None)
            taken_back = read_sql(down) if down else None
            found.append(
                Change(
                    match[1],
                    path.stem,
                    path,
                    digest(text),
                    up=text,
                    down=taken_back,
                    has_down=down is not None,
                    down_path=down,
                )
            )
        for path in downs.values():
            up = path.name.removesuffix(_DOWN) + ".sql"
            raise GateFailed(
                f"{path} takes back a migration that is not there", f"add {up}, or remove the file"
            )
        return read_in_order(found, self.key)

    def key(self, version: str) -> tuple[int, ...]:
        return version_key(version)

    def checksum(self, change: Change) -> str:
        return change.sha256

    def is_in(self, session: Session) -> bool:
        return bool(session.columns(TABLE))

    def recorded(self, session: Session, changes: Sequence[Change]) -> Recorded:
        rows = session.rows(f"SELECT version, name, sha256, applied_at FROM {session.named(TABLE)}")
        done = sorted((Done(*map(str, row)) for row in rows), key=lambda each: self.key(each.version))
        return Recorded(tuple(done))

    def create(self, session: Session) -> None:
        session.rows(
            f"CREATE TABLE IF NOT EXISTS {session.named(TABLE)} (version TEXT PRIMARY KEY,"
            " name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at TEXT NOT NULL)"
        )

    def record(self, session: Session, change: Change, seconds: float) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        values = (change.version, change.name, change.sha256, now)
        session.rows(f"INSERT INTO {session.named(TABLE)} VALUES (?, ?, ?, ?)", *values)

    def forget(self, session: Session, change: Change, changes: Sequence[Change], seconds: float) -> None:
        for (version,) in session.rows(f"SELECT version FROM {session.named(TABLE)}"):
            if self.key(version) == self.key(change.version):
                session.rows(f"DELETE FROM {session.named(TABLE)} WHERE version = ?", version)


NUMBERED = Numbered()
