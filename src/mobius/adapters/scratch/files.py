"""The data files of an environment in a scratch place: those of a backup, or none; laid where a release finds them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mobius.adapters.backups.contents import member_of, outermost
from mobius.adapters.places import Places
from mobius.adapters.rehearsal.copying import copy_file, copy_folder
from mobius.adapters.scratch.settings import is_own, migrated_file
from mobius.model.settings import EnvironmentSettings

BESIDE = "beside"  # the folder of the scratch place for what lies beside mobius.toml
JOURNALS = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Bound:
    """A folder of the scratch place, and the path at which a release finds it."""

    source: Path
    at: Path


def laid_out(
    settings: EnvironmentSettings, places: Places, moved: Places, place: Path, extracted: Path | None
) -> list[Bound]:
    """Puts every data file of the backup in `extracted` (None: of nothing) where a release in `place` finds it. What
    lies outside the root is to be bound over what is live there: nothing of that is seen."""
    bound: dict[Path, Path] = {}
    for name in _names(settings):
        copy = extracted / member_of(name) if extracted is not None else None
        copy = copy if copy is not None and os.path.lexists(copy) else None
        if is_own(name, settings.release.link):
            if copy is not None:
                _copied(copy, moved.resolve(name))
            continue
        live = Path(os.path.realpath(places.resolve(name)))
        is_folder = copy.is_dir() if copy is not None else live.is_dir() or not (live.exists() or live.suffix)
        at = live if is_folder else live.parent
        if places.project.is_relative_to(at):
            continue  # a single file among what is checked out: it is seen as it lies, and cannot be written
        source = bound.setdefault(at, place / BESIDE / str(len(bound)))
        source.mkdir(parents=True, exist_ok=True)
        if copy is not None:
            _copied(copy, source if is_folder else source / live.name)
    return [Bound(source, at) for at, source in bound.items()]


def covered(settings: EnvironmentSettings, places: Places, bound: Sequence[Bound]) -> EnvironmentSettings:
    """The settings, with a backup of what is there: of the root, and what is bound over what lies outside of it."""

    def is_there(name: str) -> bool:
        live = Path(os.path.realpath(places.resolve(name)))
        inside = (each.source / live.relative_to(each.at) for each in bound if live.is_relative_to(each.at))
        return is_own(name, settings.release.link) or any(path.exists() for path in inside)

    backup = settings.backup
    paths, databases = (tuple(filter(is_there, names)) for names in (backup.paths, backup.databases))
    return replace(settings, backup=replace(backup, paths=paths, databases=databases))


def why_not_covered(settings: EnvironmentSettings, places: Places) -> str:
    """Why the database of the migrations cannot be covered by a scratch one; "" where it can, or need not."""
    live = _outside(settings, places)
    if live is not None and places.project.is_relative_to(live.parent):
        name = settings.migrations.database if settings.migrations else ""
        return f"its database {name} lies among what is checked out, and no scratch one can be put over it"
    return ""


def why_not_as_it_is(settings: EnvironmentSettings, places: Places) -> str:
    """Why a release may not be started as it is: its migrations would be for somebody's data; "" where it may."""
    live = _outside(settings, places)
    if live is not None and live.exists():
        return f"its migrations are for {live}, which is somebody's: nothing covers it with a scratch one"
    return ""


@contextmanager
def mount_points(bound: Sequence[Bound]) -> Iterator[None]:
    """The folders that are bound over; those that were not there are gone at the end."""
    made: list[Path] = []
    try:
        for each in bound:
            missing = [path for path in (each.at, *each.at.parents) if not path.exists()]
            each.at.mkdir(parents=True, exist_ok=True)
            made += missing
        yield
    finally:
        for path in made:
            with suppress(OSError):
                path.rmdir()


@contextmanager
def taken_away(settings: EnvironmentSettings, places: Places) -> Iterator[None]:
    """Of a start as it is: the database file that was not there before is gone at the end, and its folder."""
    live = _outside(settings, places)
    if live is None:
        yield
        return
    made = [path for path in live.parents if not path.exists()]
    try:
        yield
    finally:
        for suffix in JOURNALS:
            with suppress(OSError):
                Path(f"{live}{suffix}").unlink()
        for path in made:
            with suppress(OSError):
                path.rmdir()


def _names(settings: EnvironmentSettings) -> list[str]:
    named = [*settings.backup.paths, *settings.backup.databases]
    if migrated := migrated_file(settings):
        named.append(migrated)
    return outermost(named)


def _outside(settings: EnvironmentSettings, places: Places) -> Path | None:
    """The database file of the migrations, where it lies outside the root."""
    named = migrated_file(settings)
    if not named or is_own(named, settings.release.link):
        return None
    return places.resolve(named)


def _copied(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and not source.is_symlink():
        if target.is_dir():
            target.rmdir() if not any(target.iterdir()) else shutil.rmtree(target)
        copy_folder(source, target, "a copy of the data for a start in a scratch place")
    else:
        copy_file(source, target)
