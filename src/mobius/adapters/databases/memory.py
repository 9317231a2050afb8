"""Migrations in memory, for tests: the applied ones are a list in the dictionary that stands for the data."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from mobius.errors import MobiusError
from mobius.model.advance import Waiting
from mobius.model.migrating import PendingMigration
from mobius.ports import Migration, nothing


class MemoryMigrations:
    """`offered` has the migrations of each tag; folders of a release begin with its tag. `done` counts how often
    each was applied."""

    def __init__(self, data: MutableMapping[str, Any]) -> None:
        self.offered: dict[str, tuple[Migration, ...]] = {}
        self.without_down: set[str] = set()
        self.broken: set[str] = set()
        self.missing: tuple[str, ...] = ()  # programs
        self.broken_half: set[str] = set()  # those that fail when a part of them is there
        self.done: dict[str, int] = {}
        self.texts: dict[str, str] = {}
        self.unseen = ""  # why nobody can look, while nobody can
        self.still_running: Callable[[], None] | None = None  # what a program does that outlived its deployer
        self.lock_is_held_s = 0.0  # by somebody else, from when it is asked for
        self.retry_within_s = 120.0
        self.sleep: Callable[[float], None] = lambda _: None
        self._data = data

    def applied(self, directory: Path | None = None) -> tuple[Migration, ...]:
        """Oldest first. Raises `MobiusError` while nobody can look."""
        if self.unseen:
            raise MobiusError(self.unseen, "mobius migrate plan")
        return tuple(self._data.get("migrations", ()))

    def pending(self, directory: Path) -> tuple[Migration, ...]:
        """What the release has and the database has not."""
        applied, tag = self.applied(), directory.parent.name.split("-")[0]
        return tuple(one for one in self.offered.get(tag, ()) if one not in applied)

    def read(self, directory: Path) -> tuple[PendingMigration, ...]:
        """Their texts are what `texts` has."""
        return tuple(
            PendingMigration(
                one.version,
                one.name,
                f"{one.name}.sql",
                one.sha256,
                self.texts.get(one.name),
                one.name not in self.without_down,
            )
            for one in self.pending(directory)
        )

    def missing_programs(self, directory: Path) -> tuple[str, ...]:
        """Those that are said to be missing."""
        return self.missing

    def apply(
        self, directory: Path, *, progress: Callable[[str], None], within_s: float | None = None
    ) -> tuple[Migration, ...]:
        """One after the other; a broken one stops it with those before applied."""
        pending = self.pending(directory)
        longest_s = self.retry_within_s if within_s is None else min(within_s, self.retry_within_s)
        if self.lock_is_held_s:
            progress(Waiting(f"a lock was not had, trying again for {longest_s:g} s"))
        self.sleep(min(self.lock_is_held_s, longest_s))
        if self.lock_is_held_s > longest_s:
            raise MobiusError(f"a lock was not had in {longest_s:g} s", "end what holds it")
        for one in pending:
            if one.name in self.broken_half:
                self._data["half"] = one.name
                raise MobiusError(f"{one.name} failed: no such table", "mend it and deploy again")
            if one.name in self.broken:
                raise MobiusError(f"{one.name} failed: no such table", "mend it and deploy again")
            self._data["migrations"] = [*self.applied(), one]
            self.done[one.name] = self.done.get(one.name, 0) + 1
            progress(f"applied {one.name}")
        return pending

    def wait(self, progress: Callable[[str], None]) -> None:
        """What still runs ends now."""
        if self.still_running is not None:
            self.still_running()

    def left_half(self, directory: Path) -> str:
        """The one that failed when a part of it was there."""
        self.applied()
        half = self._data.get("half")
        return f"migration {half} was left in the middle" if half else ""

    def can_go_down(self, directory: Path, versions: Sequence[str]) -> bool:
        """Whether each has a way down."""
        return not self.without_down & set(versions)

    def down(
        self, directory: Path, versions: Sequence[str], *, progress: Callable[[str], None] = nothing
    ) -> None:
        """These are not applied any more."""
        if half := self.left_half(directory):
            raise MobiusError(half, "mobius rollback --backup FILE")
        self._data["migrations"] = [one for one in self.applied() if one.name not in versions]
