"""The boots of one rehearsal, one after the other: each cut off, each on files of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobius.adapters.places import Places
from mobius.adapters.rehearsal.asked import Booted, Isolation, ScratchDatabase
from mobius.adapters.rehearsal.booting import Prepared, Restored, prepared
from mobius.adapters.rehearsal.copying import copy_folder
from mobius.adapters.rehearsal.database_copies import copied
from mobius.adapters.rehearsal.not_proven import NotProvenError
from mobius.adapters.rehearsal.scratch import remove
from mobius.errors import MobiusError
from mobius.model.release import Release, tree_of
from mobius.model.settings import EnvironmentSettings
from mobius.model.trial import Broken
from mobius.model.verdict import Outcome
from mobius.rules.broken_queries import from_server, from_service

MOST_OF_A_LOG = 4 << 20  # of what a server said during one boot, the end


@dataclass(frozen=True, slots=True)
class Boot:
    """How one went. `booted` is None where it was not tried, and `not_proven` says why. `broken`: what its databases
    refused meanwhile, where it did not go well."""

    not_proven: str = ""
    booted: Booted | None = None
    ready: Prepared | None = None
    broken: tuple[Broken, ...] = ()


@dataclass(slots=True)
class Boots:
    """`extracted`: the restored backup, which the last boot may spoil; `place`: the scratch place it lies in."""

    settings: EnvironmentSettings
    places: Places
    environ: Mapping[str, str]
    isolation: Isolation
    redact: Callable[[str], str]
    progress: Callable[[str], None]
    extracted: Path
    metadata: Mapping[str, Any]
    place: Path
    _number: int = 0

    def boot(
        self,
        databases: Mapping[str, ScratchDatabase],
        *,
        name: str,
        on: str,
        last: bool,
        spoiled: str = "",
        migrated: Mapping[Path, Path] | None = None,
        candidate: Release | None = None,
    ) -> Boot:
        """Starts the backed-up release, or the candidate, and asks it what a deployment asks. `on`: what it is started
        on, in words; `migrated`: by path inside the restored copy, the files to lie there instead (they are moved);
        `spoiled`: the one of the databases that nobody needs after this, though it is not the last boot."""
        if why := self.isolation.why_not():
            return Boot(why)
        self._number += 1
        room = self.place / f"room-{self._number}"
        mine = () if last else [name for name in databases if name != spoiled]
        with (
            self._files(f"{self._number}-files", migrated or {}, candidate, last=last) as copy,
            copied(databases, mine, f"boot{self._number}") as databases,
        ):
            room.mkdir()
            try:
                restored = Restored(copy, room, self.metadata, databases)
                ready = prepared(restored, self.settings, self.places, self.environ, candidate)
            except NotProvenError as problem:
                return Boot(problem.message)
            self.progress(f"starting {name} on {on}, cut off from all else")
            said = {log: _size(log) for each in databases.values() if (log := _log_of(each)) is not None}
            booted = self.isolation.boot(
                ready.asked,
                ready.mounts,
                within_s=self.settings.rehearsal.timeout_s,
                scratch=self.place,
            )
            self.progress(f"{booted.outcome}: {self.redact(booted.sentence)}")
            return Boot("", booted, ready, self._broken(booted, said))

    def _broken(self, booted: Booted, said: Mapping[Path, int]) -> tuple[Broken, ...]:
        """The servers know best; what the service says, where they say nothing."""
        if booted.outcome is Outcome.PASS:
            return ()
        found = [each for log, start in said.items() for each in from_server(_since(log, start))]
        smoke = [result.message for result in booted.smoke if result.outcome is not Outcome.PASS]
        told = found or from_service([*booted.log, *smoke])
        return tuple(Broken(self.redact(each.query), self.redact(each.error)) for each in told)

    @contextmanager
    def _files(
        self, name: str, migrated: Mapping[Path, Path], candidate: Release | None, *, last: bool
    ) -> Iterator[Path]:
        """The restored files, as a copy unless nobody needs them after this. The tree of the release is moved there and
        back: it is no data, and its next start finds it as one on the live machine does."""
        if last:
            copy = self.extracted
        else:
            copy = self.place / name
            leave_out = {self.extracted / "release", self.extracted / "databases", *migrated}
            purpose = "a copy of the restored files for one more boot"
            there = {path for path in leave_out if os.path.lexists(path)}
            copy_folder(self.extracted, copy, purpose, there)
        kept = self.extracted / "release"
        try:
            for inside, file in migrated.items():
                _move(file, copy / inside.relative_to(self.extracted))
            if candidate is not None:
                self._lay_out(candidate, copy / "release")
            elif not last and kept.is_dir():
                kept.rename(copy / "release")
            yield copy
        finally:
            if not last:
                if candidate is None and (copy / "release").is_dir():
                    (copy / "release").rename(kept)
                remove(copy)

    def _lay_out(self, candidate: Release, at: Path) -> None:
        """A copy of the staged tree: what a release writes into its own must not stay there."""
        tree = self.places.releases / tree_of(candidate.id)
        if not tree.is_dir():
            raise MobiusError(
                f"{candidate.id} is not staged: there is no {tree}", "deploy or rehearse it again"
            )
        if at.exists():
            shutil.rmtree(at, ignore_errors=True)
        copy_folder(tree.resolve(), at, f"a copy of {candidate.id} for its boot")


def _move(file: Path, to: Path) -> None:
    """In the place of whatever is there, journals of SQLite included."""
    to.parent.mkdir(parents=True, exist_ok=True)
    for suffix in ("-wal", "-shm", "-journal"):
        Path(f"{to}{suffix}").unlink(missing_ok=True)
    shutil.move(file, to)


def _log_of(database: ScratchDatabase) -> Path | None:
    """What its server says; None where it is somebody else's."""
    log = database.socket.parent / "server.log" if database.socket is not None else None
    return log if log is not None and log.is_file() else None


def _size(log: Path) -> int:
    return log.stat().st_size


def _since(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(max(start, _size(log) - MOST_OF_A_LOG))
        return file.read().decode("utf-8", "replace")
