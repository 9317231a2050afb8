"""Prisma Migrate: a folder for each migration, `20240131120000_notes/migration.sql`, ordered by the folders' names.

Prisma has no way down of its own. Where a folder holds a `down.sql` as well, as its handbook suggests, that is it.
"""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius.adapters.migrations.records import Done, Recorded, read_in_order
from mobius.adapters.migrations.session import Session
from mobius.adapters.migrations.source import Change
from mobius.adapters.migrations.sql_files import digest, files_of, read_sql
from mobius.errors import GateFailed

TABLE = "_prisma_migrations"
_FILES = ("migration.sql", "down.sql")
_MOMENT = {"postgresql": "TIMESTAMPTZ", "sqlite": "DATETIME"}
_NUMBER = {"postgresql": "INTEGER", "sqlite": "INTEGER UNSIGNED"}
_TEXT = {"postgresql": ("VARCHAR(36)", "VARCHAR(64)", "VARCHAR(255)"), "sqlite": ("TEXT", "TEXT", "TEXT")}


@dataclass(frozen=True, slots=True)
class Prisma:
    """A row that is neither finished nor rolled back is a migration that failed half way."""

    name: str = "prisma"
    title: str = "Prisma's"
    may_begin: bool = True
    placeholder: re.Pattern[str] | None = None

    def claims(self, path: Path, root: Path) -> bool:
        return path.name in _FILES and path.parent.parent == root

    def read(self, root: Path) -> tuple[Change, ...]:
        found = []
        for folder in sorted({path.parent for path in files_of(root)}):
            up, down = (folder / name for name in _FILES)
            if not up.exists():
                raise GateFailed(
                    f"{down} takes back a migration that is not there", f"add {up.name} beside it"
                )
            text, name, has_down = read_sql(up), folder.name, down.exists()
            found.append(
                Change(
                    name,
                    name,
                    up,
                    digest(text),
                    up=text,
                    down=read_sql(down) if has_down else None,
                    has_down=has_down,
                    down_path=down if has_down else None,
                )
            )
        return read_in_order(found, self.key)

    def key(self, version: str) -> str:
        return version

    def checksum(self, change: Change) -> str:
        return hashlib.sha256(change.path.read_bytes()).hexdigest()

    def is_in(self, session: Session) -> bool:
        return bool(session.columns(TABLE))

    def recorded(self, session: Session, changes: Sequence[Change]) -> Recorded:
        rows = session.rows(
            "SELECT migration_name, checksum, finished_at, rolled_back_at, started_at"
            f" FROM {session.named(TABLE)} ORDER BY started_at, migration_name"
        )
        open_ones = [
            str(name) for name, _, finished, rolled_back, _ in rows if not finished and not rolled_back
        ]
        done = [
            Done(str(name), str(name), str(checksum), str(finished))
            for name, checksum, finished, rolled_back, _ in rows
            if finished and not rolled_back
        ]
        done.sort(key=lambda each: each.version)
        if not open_ones:
            return Recorded(tuple(done))
        return Recorded(
            tuple(done),
            half=f"the database was left half migrated: Prisma's migration {open_ones[0]} was begun and not finished",
            mend="finish it by hand, then: npx prisma migrate resolve --applied"
            f" {open_ones[0]}; or take back what is there of it, then: --rolled-back {open_ones[0]}",
        )

    def create(self, session: Session) -> None:
        moment, short, (key, sha256, name) = (
            _MOMENT[session.dialect],
            _NUMBER[session.dialect],
            _TEXT[session.dialect],
        )
        now = "now()" if session.dialect == "postgresql" else "current_timestamp"
        session.rows(
            f"CREATE TABLE IF NOT EXISTS {session.named(TABLE)} (id {key} PRIMARY KEY NOT NULL,"
            f" checksum {sha256} NOT NULL, finished_at {moment}, migration_name {name} NOT NULL, logs TEXT,"
            f" rolled_back_at {moment}, started_at {moment} NOT NULL DEFAULT {now},"
            f" applied_steps_count {short} NOT NULL DEFAULT 0)"
        )

    def record(self, session: Session, change: Change, seconds: float) -> None:
        columns = "id, checksum, finished_at, migration_name, logs, started_at, applied_steps_count"
        begun, done = _moments(session, seconds)
        session.rows(
            f"INSERT INTO {session.named(TABLE)} ({columns}) VALUES (?, ?, {done}, ?, NULL, {begun}, 1)",
            str(uuid.uuid4()),
            self.checksum(change),
            change.name,
        )

    def forget(self, session: Session, change: Change, changes: Sequence[Change], seconds: float) -> None:
        _, now = _moments(session, seconds)
        session.rows(
            f"UPDATE {session.named(TABLE)} SET rolled_back_at = {now}"
            " WHERE migration_name = ? AND rolled_back_at IS NULL",
            change.name,
        )


def _moments(session: Session, seconds: float) -> tuple[str, str]:
    """When it began and now, as Prisma writes moments: on SQLite in milliseconds."""
    if session.dialect == "postgresql":
        return f"clock_timestamp() - interval '{seconds:.3f} s'", "clock_timestamp()"
    now_ms = int(time.time() * 1000)
    return str(now_ms - int(seconds * 1000)), str(now_ms)


PRISMA = Prisma()
