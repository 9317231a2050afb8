"""Brings a project's files to what they should be: what is new, what would change, and the writing of it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mobius.model.project import Wanted


class Folder(Protocol):
    """The files of a project, by their paths in it."""

    def read(self, path: str) -> str | None:
        """The text, None where there is no file. Raises MobiusError for what is no text."""

    def is_executable(self, path: str) -> bool:
        """Whether the file may be started."""

    def write(self, path: str, text: str, *, executable: bool) -> None:
        """The whole file at once. Raises MobiusError, and the old file is untouched."""


class Change(StrEnum):
    """What becomes of one file."""

    NEW = "new"
    CHANGED = "changed"  # another text is there; it is shown, and a person says yes
    SAME = "same"
    KEPT = "kept"  # another text is there, and it is theirs to say


@dataclass(frozen=True, slots=True)
class Planned:
    """One file, and what becomes of it."""

    wanted: Wanted
    change: Change
    there: str = ""

    @property
    def path(self) -> str:
        """Of the file, in the project."""
        return self.wanted.path


def plan_files(wanted: Sequence[Wanted], folder: Folder) -> tuple[Planned, ...]:
    """What becomes of each file; nothing is changed. Raises MobiusError for a file that is no text."""
    return tuple(_planned(each, folder) for each in wanted)


def write_files(planned: Sequence[Planned], folder: Folder, *, also_changed: bool) -> tuple[str, ...]:
    """Writes what is new, and with `also_changed` what differs; returns the paths. Stops at the first that cannot
    be written: repeating goes on from there."""
    chosen = [p for p in planned if p.change is Change.NEW or (also_changed and p.change is Change.CHANGED)]
    for each in chosen:
        folder.write(each.path, each.wanted.text, executable=each.wanted.executable)
    return tuple(each.path for each in chosen)


def difference(planned: Planned) -> str:
    """The change as a unified diff."""
    lines = difflib.unified_diff(
        planned.there.splitlines(),
        planned.wanted.text.splitlines(),
        f"a/{planned.path}",
        f"b/{planned.path}",
        lineterm="",
    )
    return "\n".join(lines) or f"--- {planned.path}: only line endings or the right to be started differ"


def _planned(wanted: Wanted, folder: Folder) -> Planned:
    there = folder.read(wanted.path)
    if there is None:
        return Planned(wanted, Change.NEW)
    as_wanted = there == wanted.text and (not wanted.executable or folder.is_executable(wanted.path))
    if as_wanted:
        return Planned(wanted, Change.SAME, there)
    return Planned(wanted, Change.KEPT if wanted.theirs_wins else Change.CHANGED, there)
