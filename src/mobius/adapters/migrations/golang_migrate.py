"""golang-migrate: `000001_notes.up.sql` and `000001_notes.down.sql`; its table has one row, the version reached."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius.adapters.migrations.records import Done, Recorded, read_in_order
from mobius.adapters.migrations.session import Session
from mobius.adapters.migrations.source import Change
from mobius.adapters.migrations.sql_files import digest, files_of, read_sql
from mobius.errors import GateFailed

TABLE = "schema_migrations"
_NAME = re.compile(r"(\d+)_(.*)\.(up|down)\.sql")
_CREATE = {
    "postgresql": (
        "CREATE TABLE IF NOT EXISTS {} (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL)",
    ),
    "sqlite": (
        "CREATE TABLE IF NOT EXISTS {} (version uint64, dirty bool)",
        "CREATE UNIQUE INDEX IF NOT EXISTS version_unique ON {} (version)",
    ),
}


@dataclass(frozen=True, slots=True)
class GolangMigrate:
    """The table knows no more than a version, so files that were changed or put in between are not seen by it."""

    name: str = "golang-migrate"
    title: str = "golang-migrate's"
    may_begin: bool = True
    placeholder: re.Pattern[str] | None = None

    def claims(self, path: Path, root: Path) -> bool:
        match = _NAME.fullmatch(path.name) if path.parent == root else None
        if match is None or match[3] == "up":
            return match is not None
        return path.with_name(f"{match[1]}_{match[2]}.up.sql").exists() or not _is_ours(path)

    def read(self, root: Path) -> tuple[Change, ...]:
        texts: dict[tuple[str, str], dict[str, Path]] = {}
        for path in files_of(root):
            match = _NAME.fullmatch(path.name)
            assert match is not None  # it was claimed
            texts.setdefault((match[1], match[2]), {})[match[3]] = path
        found = []
        for (number, name), paths in texts.items():
            if "up" not in paths:
                raise GateFailed(
                    f"{paths['down']} takes back a migration that is not there",
                    f"add {number}_{name}.up.sql, or remove the file",
                )
            text, down = read_sql(paths["up"]), paths.get("down")
            back = read_sql(down) if down else None
            version, stem = str(int(number)), f"{number}_{name}"
            found.append(
                Change(
                    version,
                    stem,
                    paths["up"],
                    digest(text),
                    up=text,
                    down=back,
                    has_down=down is not None,
                    down_path=down,
                )
            )
        return read_in_order(found, self.key)

    def key(self, version: str) -> int:
        return int(version)

    def checksum(self, change: Change) -> str:
        return ""

    def is_in(self, session: Session) -> bool:
        return {"version", "dirty"} <= session.columns(TABLE)

    def recorded(self, session: Session, changes: Sequence[Change]) -> Recorded:
        rows = session.rows(f"SELECT version, dirty FROM {session.named(TABLE)}")
        if not rows:
            return Recorded()
        version, is_dirty = str(rows[0][0]), bool(rows[0][1])
        done = [Done(each.version, each.name) for each in changes if int(each.version) <= int(version)]
        if not any(each.version == version for each in done) and int(version) >= 0:
            done.append(Done(version, version))
        if not is_dirty:
            return Recorded(tuple(done), through=version)
        return Recorded(
            tuple(done),
            through=version,
            half=f"the database was left half migrated: golang-migrate marked version {version} dirty",
            mend=f"see what of {version} is there, finish it or take it back by hand, then: migrate force VERSION",
        )

    def create(self, session: Session) -> None:
        for statement in _CREATE[session.dialect]:
            session.rows(statement.format(session.named(TABLE)))

    def record(self, session: Session, change: Change, seconds: float) -> None:
        self._set(session, change.version)

    def forget(self, session: Session, change: Change, changes: Sequence[Change], seconds: float) -> None:
        before = [each.version for each in changes if self.key(each.version) < self.key(change.version)]
        self._set(session, before[-1] if before else "")

    def _set(self, session: Session, version: str) -> None:
        session.rows(f"DELETE FROM {session.named(TABLE)}")
        if version:
            values = f"INSERT INTO {session.named(TABLE)} (version, dirty) VALUES (?, ?)"
            session.rows(values, int(version), False)


def _is_ours(down: Path) -> bool:
    """Whether a `.down.sql` has a file of the same name without it: then somebody numbered them by hand."""
    return down.with_name(down.name.removesuffix(".down.sql") + ".sql").exists()


GOLANG_MIGRATE = GolangMigrate()
