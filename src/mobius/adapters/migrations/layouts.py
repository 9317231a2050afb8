"""Whose files a folder of SQL holds: seen from their names, and for dbmate from a line inside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from mobius.adapters.migrations.dbmate import DBMATE
from mobius.adapters.migrations.flyway import FLYWAY
from mobius.adapters.migrations.golang_migrate import GOLANG_MIGRATE
from mobius.adapters.migrations.numbered import NUMBERED
from mobius.adapters.migrations.prisma import PRISMA
from mobius.adapters.migrations.records import Recorded
from mobius.adapters.migrations.session import Session
from mobius.adapters.migrations.source import Change
from mobius.adapters.migrations.sql_files import files_of
from mobius.errors import GateFailed


class Layout(Protocol):
    """One tool's files and table. `may_begin`: its files may hold their own BEGIN and COMMIT around everything.
    `placeholder`: what only the tool itself could fill in, if there is such a thing."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def may_begin(self) -> bool: ...
    @property
    def placeholder(self) -> re.Pattern[str] | None: ...

    def claims(self, path: Path, root: Path) -> bool:
        """Whether this file, of the folder `root`, is one of its own."""

    def read(self, root: Path) -> tuple[Change, ...]:
        """All migrations of the folder, in order. Raises GateFailed for what its tool would not understand."""

    def key(self, version: str) -> object:
        """What versions are ordered by."""

    def checksum(self, change: Change) -> str:
        """Of the file, in the form in which the table has it; "" where it has none."""

    def is_in(self, session: Session) -> bool:
        """Whether the database has its table."""

    def recorded(self, session: Session, changes: Sequence[Change]) -> Recorded:
        """What the table says; names are those of `changes` where it has only versions."""

    def create(self, session: Session) -> None:
        """Makes the table where there is none."""

    def record(self, session: Session, change: Change, seconds: float) -> None:
        """Writes down that it was applied."""

    def forget(self, session: Session, change: Change, changes: Sequence[Change], seconds: float) -> None:
        """Writes down that it was taken back; `changes` are all of the folder."""


LAYOUTS: tuple[Layout, ...] = (PRISMA, FLYWAY, GOLANG_MIGRATE, DBMATE, NUMBERED)


def detect(root: Path) -> Layout | None:
    """The layout of a folder; None for an empty one. Raises GateFailed for one that is not there, for a mixture, and
    for a file that belongs to no layout."""
    found: dict[str, Path] = {}
    for path in files_of(root):
        layout = next((each for each in LAYOUTS if each.claims(path, root)), None)
        if layout is None:
            raise GateFailed(
                f"migration {path} has no number",
                "name it like 001_add_notes.sql, or as Flyway, golang-migrate, dbmate or Prisma would",
            )
        found.setdefault(layout.name, path)
    if len(found) > 1:
        titles = {each.name: each.title for each in LAYOUTS}
        shown = [f"{path.relative_to(root)} is {titles[name]}" for name, path in found.items()]
        raise GateFailed(
            f"{root} holds the migrations of more than one tool: {', '.join(shown)}",
            "keep one layout in this folder, and move the other files elsewhere",
        )
    return next((each for each in LAYOUTS if each.name in found), None)
