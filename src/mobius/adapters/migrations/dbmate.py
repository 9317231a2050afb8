"""dbmate: `20240131120000_notes.sql` with a `-- migrate:up` and a `-- migrate:down` part; its table has versions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius.adapters.migrations.records import Done, Recorded, read_in_order
from mobius.adapters.migrations.session import Session
from mobius.adapters.migrations.source import Change
from mobius.adapters.migrations.sql_files import digest, files_of, read_sql
from mobius.errors import GateFailed, MobiusError

TABLE = "schema_migrations"
_NAME = re.compile(r"(\d+).*\.sql")
_MARK = re.compile(r"^--[ \t]*migrate:(up|down)\b([^\n]*)$", re.MULTILINE)
_BLANK = re.compile(r"(?:\s|--[^\n]*(?:\n|\Z))*")
_LOOK_BYTES = 65_536  # the first part begins before any statement


@dataclass(frozen=True, slots=True)
class Dbmate:
    """The table has no checksums, so a file that was changed after it was applied is not seen by it."""

    name: str = "dbmate"
    title: str = "dbmate's"
    may_begin: bool = True
    placeholder: re.Pattern[str] | None = None

    def claims(self, path: Path, root: Path) -> bool:
        if path.parent != root or not _NAME.fullmatch(path.name):
            return False
        with path.open("rb") as file:
            head = file.read(_LOOK_BYTES)
        return bool(_MARK.search(head.decode("utf-8", "replace")))

    def read(self, root: Path) -> tuple[Change, ...]:
        return read_in_order([self._read(path) for path in files_of(root)], self.key)

    def _read(self, path: Path) -> Change:
        match = _NAME.fullmatch(path.name)
        assert match is not None  # it was claimed
        text = read_sql(path)
        marks = list(_MARK.finditer(text))
        order = [mark[1] for mark in marks]
        if order not in (["up"], ["up", "down"]):
            raise GateFailed(
                f"migration {path} has the parts {', '.join(order)}, expected one up, then one down",
                "write -- migrate:up before what is applied, and -- migrate:down before what takes it back",
            )
        if (blank := _BLANK.match(text)) and blank.end() < marks[0].start():
            line = text.count("\n", 0, blank.end()) + 1
            raise GateFailed(
                f"migration {path} has a statement before its up part (line {line})",
                "put it after -- migrate:up",
            )
        up = _at_its_lines(text, marks[0].end(), marks[1].start() if len(marks) > 1 else len(text))
        down = _at_its_lines(text, marks[1].end(), len(text)) if len(marks) > 1 else ""
        has_down = _BLANK.fullmatch(down) is None
        return Change(
            version=match[1],
            name=path.stem,
            path=path,
            sha256=digest(text),
            up=up,
            down=down if has_down else None,
            has_down=has_down,
            transactional="transaction:false" not in marks[0][2].split(),
        )

    def key(self, version: str) -> int:
        try:
            return int(version)
        except ValueError:
            raise MobiusError(
                f"{TABLE} has the version {version!r}, which is no number: it is not dbmate's",
                'let the tool that made it migrate: kind = "command"',
            ) from None

    def checksum(self, change: Change) -> str:
        return ""

    def is_in(self, session: Session) -> bool:
        columns = session.columns(TABLE)
        return "version" in columns and "dirty" not in columns

    def recorded(self, session: Session, changes: Sequence[Change]) -> Recorded:
        names = {self.key(each.version): each.name for each in changes}
        rows = session.rows(f"SELECT version FROM {session.named(TABLE)}")
        versions = sorted((str(version) for (version,) in rows), key=self.key)
        return Recorded(tuple(Done(each, names.get(self.key(each), each)) for each in versions))

    def create(self, session: Session) -> None:
        columns = "(version varchar(128) PRIMARY KEY)"
        session.rows(f"CREATE TABLE IF NOT EXISTS {session.named(TABLE)} {columns}")

    def record(self, session: Session, change: Change, seconds: float) -> None:
        session.rows(f"INSERT INTO {session.named(TABLE)} (version) VALUES (?)", change.version)

    def forget(self, session: Session, change: Change, changes: Sequence[Change], seconds: float) -> None:
        session.rows(f"DELETE FROM {session.named(TABLE)} WHERE version = ?", change.version)


def _at_its_lines(text: str, start: int, end: int) -> str:
    """A part of the file whose lines have the numbers that they have in the file."""
    return "\n" * text.count("\n", 0, start) + text[start:end]


DBMATE = Dbmate()
