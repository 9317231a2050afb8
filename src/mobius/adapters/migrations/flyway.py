"""Flyway: `V1__notes.sql`, `U1__notes.sql` that takes it back, `R__views.sql` that runs whenever it changed."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius.adapters.migrations.records import Done, Recorded, read_in_order
from mobius.adapters.migrations.session import Session
from mobius.adapters.migrations.source import Change
from mobius.adapters.migrations.sql_files import digest, files_of, read_sql
from mobius.errors import GateFailed

TABLE = "flyway_schema_history"
_NAME = re.compile(r"(?:([VUB])(\d+(?:[._]\d+)*)|(R))__(.+)\.sql")
_OUTSIDE = re.compile(r"^\s*executeInTransaction\s*=\s*false\s*$", re.MULTILINE | re.IGNORECASE)
_LINE_END = re.compile(r"\r\n|\r|\n")
_COLUMNS = (
    "installed_rank, version, description, type, script, checksum, installed_by, execution_time, success"
)
_CREATE = (
    "CREATE TABLE IF NOT EXISTS {table} (installed_rank {number} NOT NULL{key}, version VARCHAR(50),"
    " description VARCHAR(200) NOT NULL, type VARCHAR(20) NOT NULL, script VARCHAR(1000) NOT NULL,"
    " checksum {number}, installed_by VARCHAR(100) NOT NULL, installed_on {now},"
    " execution_time {number} NOT NULL, success BOOLEAN NOT NULL{constraint})"
)


@dataclass(frozen=True, slots=True)
class Flyway:
    """Taking back adds a row, as Flyway does: a version is applied when its newest row says so."""

    name: str = "flyway"
    title: str = "Flyway's"
    may_begin: bool = True
    placeholder: re.Pattern[str] | None = re.compile(r"\$\{[A-Za-z_][\w:.-]*\}")

    def claims(self, path: Path, root: Path) -> bool:
        return bool(_NAME.fullmatch(path.name))

    def read(self, root: Path) -> tuple[Change, ...]:
        undo: dict[tuple[int, ...], Path] = {}
        ups: list[tuple[str, Path]] = []
        for path in files_of(root):
            match = _NAME.fullmatch(path.name)
            assert match is not None  # it was claimed
            if match[1] == "B":
                raise GateFailed(
                    f"migration {path} is a baseline, which Flyway itself must run",
                    'let it: kind = "command", up = ["flyway", "migrate"]',
                )
            version = (match[2] or "").replace("_", ".")
            if match[1] == "U":
                undo[self.key(version)] = path
            else:
                ups.append((version, path))
        found = [self._change(version, path, undo.pop(self.key(version), None)) for version, path in ups]
        for path in undo.values():
            raise GateFailed(
                f"{path} takes back a migration that is not there", "add its V file, or remove it"
            )
        return read_in_order(found, self.key)

    def _change(self, version: str, path: Path, undo: Path | None) -> Change:
        text = read_sql(path)
        settings = path.with_name(path.name + ".conf")
        return Change(
            version=version,
            name=path.stem,
            path=path,
            sha256=digest(text),
            up=text,
            down=read_sql(undo) if undo else None,
            has_down=undo is not None,
            down_path=undo,
            transactional=not (settings.is_file() and _OUTSIDE.search(settings.read_text("utf-8"))),
        )

    def key(self, version: str) -> tuple[int, ...]:
        """1 is 1.0."""
        parts = [int(part) for part in version.split(".")] if version else []
        while parts and parts[-1] == 0:
            parts.pop()
        return tuple(parts)

    def checksum(self, change: Change) -> str:
        return str(checksum_of(change.path))

    def is_in(self, session: Session) -> bool:
        return bool(session.columns(TABLE))

    def recorded(self, session: Session, changes: Sequence[Change]) -> Recorded:
        """By the newest row of each version, and of each script that has none."""
        rows = session.rows(
            "SELECT version, description, type, script, checksum, installed_on, success"
            f" FROM {session.named(TABLE)} ORDER BY installed_rank"
        )
        newest: dict[object, Done | None] = {}
        baseline, half = "", ""
        for version, description, kind, script, checksum, on, success in rows:
            if not success:
                half = str(script)
            elif kind.endswith("BASELINE"):
                baseline = str(version)
            elif kind != "SCHEMA":
                text, stem = str(version or ""), str(script).rpartition("/")[2].removesuffix(".sql")
                taken_back = kind.startswith("UNDO") or kind == "DELETE"
                known = "" if checksum is None else str(checksum)
                applied = None if taken_back else Done(text, stem or str(description), known, str(on))
                newest[self.key(text) if text else stem] = applied
        there = [each for each in newest.values() if each is not None]
        versioned = sorted((each for each in there if each.version), key=lambda each: self.key(each.version))
        done = (*versioned, *(each for each in there if not each.version))
        if not half:
            return Recorded(done, through=baseline)
        return Recorded(
            done,
            through=baseline,
            half=f"the database was left half migrated: Flyway's {half} failed",
            mend=f"see what of {half} is there, take it back by hand, then: flyway repair",
        )

    def create(self, session: Session) -> None:
        if self.is_in(session):
            return
        table, on_server = session.named(TABLE), session.dialect == "postgresql"
        now = "TIMESTAMP NOT NULL DEFAULT now()"
        if not on_server:
            now = "TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f','now'))"
        key = f', CONSTRAINT "{TABLE}_pk" PRIMARY KEY (installed_rank)'
        session.rows(
            _CREATE.format(
                table=table,
                number="INTEGER" if on_server else "INT",
                key="" if on_server else " PRIMARY KEY",
                now=now,
                constraint=key if on_server else "",
            )
        )
        session.rows(f'CREATE INDEX "{TABLE}_s_idx" ON {table} (success)')

    def record(self, session: Session, change: Change, seconds: float) -> None:
        self._add(session, change.path, change.version, "SQL", seconds)

    def forget(self, session: Session, change: Change, changes: Sequence[Change], seconds: float) -> None:
        assert change.down_path is not None
        self._add(session, change.down_path, change.version, "UNDO_SQL", seconds)

    def _add(self, session: Session, path: Path, version: str, kind: str, seconds: float) -> None:
        table = session.named(TABLE)
        by = "current_user" if session.dialect == "postgresql" else "''"
        match = _NAME.fullmatch(path.name)
        assert match is not None
        session.rows(
            f"INSERT INTO {table} ({_COLUMNS})"
            f" VALUES ((SELECT coalesce(max(installed_rank), 0) + 1 FROM {table}), ?, ?, ?, ?, ?, {by}, ?, ?)",
            version or None,
            match[4].replace("_", " "),
            kind,
            path.name,
            checksum_of(path),
            int(seconds * 1000),
            True,
        )


def checksum_of(path: Path) -> int:
    """CRC-32 of the lines without their ends, as a signed number of 32 bits."""
    text = path.read_bytes().decode("utf-8-sig", "replace")
    checksum = zlib.crc32("".join(_LINE_END.split(text)).encode())
    return checksum - (1 << 32) if checksum >= 1 << 31 else checksum


FLYWAY = Flyway()
