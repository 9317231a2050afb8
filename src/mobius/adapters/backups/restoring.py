"""The way back out of an archive, into the live place."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from mobius.adapters.backups.comparing import Comparer
from mobius.adapters.backups.comparing_servers import ServerComparer
from mobius.adapters.backups.contents import member_of, with_secrets_of
from mobius.adapters.backups.exchanging import Exchange, exchange_of, laid_out_of, replaced_of
from mobius.adapters.backups.open_files import users_of
from mobius.adapters.backups.returning_databases import ReturningDatabases, databases_in
from mobius.adapters.databases.captures import Dumps
from mobius.adapters.places import Places
from mobius.adapters.releases.store import ReleaseStore
from mobius.archive.durable import in_words
from mobius.archive.extract import extract_archive
from mobius.archive.verify import read_metadata, verify_archive
from mobius.errors import BackupInvalid, MobiusError
from mobius.model.loss import Comparison, LostRow
from mobius.model.release import Release, tree_of
from mobius.model.settings import EnvironmentSettings, ProcessSettings
from mobius.ports import NotAllTold

RELEASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")  # a name inside `releases/`, and never a path


class Restorer:
    """Restores archives of one environment. One that lies in its own backup folder is trusted to hold links out of
    the release (a virtual environment has one); any other is held to every rule."""

    def __init__(
        self,
        settings: EnvironmentSettings,
        places: Places,
        store: ReleaseStore,
        databases: Dumps | None = None,
    ) -> None:
        self._settings = settings
        self._places = places
        self._store = store
        run = places.root / "run"
        self._returning = ReturningDatabases(databases, run, self._extract)
        self._servers = ServerComparer(databases, run, self._extract)

    def prepare_data(self, path: Path, *, key: str, progress: Callable[[str], None]) -> Mapping[str, Any]:
        paths = self._paths_of(path)
        laid_out: list[Exchange] = []
        try:
            for member, name in paths.items():
                change = exchange_of(self._places.resolve(name), key)
                if not change.is_laid_out:
                    laid_out.append(change)
                change.lay_out(member, lambda beside, m=member: self._extract(path, beside, m))  # type: ignore[misc]
                progress(f"laid out {name}")
            servers = self._returning.prepare(path, key=key, progress=progress)
        except BaseException:  # nothing may stay behind on a disk that is full
            for change in laid_out:
                change.forget()
            raise
        return {"backup": path.name, "laid_out": [*paths.values(), *servers]}

    def restore_data(self, path: Path, *, key: str, progress: Callable[[str], None]) -> Mapping[str, Any]:
        self.prepare_data(path, key=key, progress=lambda _: None)
        paths = self._paths_of(path)
        changes = {name: exchange_of(self._places.resolve(name), key) for name in paths.values()}
        try:
            for name, change in changes.items():
                change.exchange()
                progress(f"restored {name}")
            replaced = self._returning.exchange(path, key=key, progress=progress)
        except MobiusError:  # all of them, or none
            for change in reversed(changes.values()):
                change.take_back()
                change.forget()
            raise
        kept = {name: str(change.kept) for name, change in changes.items() if change.kept}
        return {"backup": path.name, "restored": [*changes, *replaced], "kept": {**kept, **replaced}}

    def take_back_data(self, key: str) -> None:
        self._returning.take_back(key)
        for name in reversed(self._settings.backup.kept_paths):
            change = exchange_of(self._places.resolve(name), key)
            change.take_back()
            change.forget()

    def compare(self, path: Path, *, within_s: float) -> Comparison:
        began, metadata = time.monotonic(), read_metadata(path)
        share = 0.5 if databases_in(path) else 1.0
        found = self._comparer().compare(path, self._places.resolve, within_s=within_s * share)
        notes = list(found.notes)
        servers = tuple(
            self._servers.changes(path, metadata, notes, trusted=self._is_ours(path), until=began + within_s)
        )
        took_s = round(time.monotonic() - began, 3)
        return replace(found, tables=(*found.tables, *servers), notes=tuple(notes), took_s=took_s)

    def lost(self, path: Path, *, key: str, emergency: Path | None, within_s: float) -> Iterator[LostRow]:
        until = time.monotonic() + within_s
        untold: dict[str, str] = {}
        late: dict[str, str] = {}
        yield from self._lost(path, key, untold, within_s / 2 if emergency else within_s)
        if emergency is not None:
            for row in self._lost(emergency, key, late, until - time.monotonic()):
                yield replace(row, late=True)
        if untold or late:
            raise NotAllTold(untold, late)

    def _lost(self, path: Path, key: str, untold: dict[str, str], within_s: float) -> Iterator[LostRow]:
        def replaced(name: str) -> Path:
            change = exchange_of(self._places.resolve(name), key)
            return change.kept or change.old

        until = time.monotonic() + within_s
        share = 0.5 if databases_in(path) else 1.0
        yield from self._comparer().lost(path, replaced, untold, within_s=within_s * share)
        yield from self._servers.lost(path, read_metadata(path), untold, key=key, until=until)

    def let_go(self, key: str, *, before: float) -> tuple[str, ...]:
        gone = []
        for name in self._settings.backup.kept_paths:
            live = self._places.resolve(name)
            old = {each for each, at in replaced_of(live) if at < before}
            for each in [each for each, at in laid_out_of(live) if at < before]:
                exchange_of(live, each).forget()
            for each in sorted(old | {key} - {""}):
                if exchange_of(live, each).let_go():
                    gone.append(name)
        return tuple(gone)

    def in_use(self, ours: Sequence[int]) -> tuple[str, ...]:
        places = [self._places.resolve(name) for name in self._settings.backup.kept_paths]
        return users_of(places, self._places.root, ours)

    def _comparer(self) -> Comparer:
        return Comparer(self._places.root / "run")

    def _paths_of(self, path: Path) -> dict[str, str]:
        """Member and place of what the archive really holds, none of them strange."""
        manifest = verify_archive(path, deep=False)
        named = manifest.metadata.get("paths")
        if not isinstance(named, dict):
            raise BackupInvalid(f"{path.name} does not say where its data belongs", "mobius backup list")
        self._refuse_strange_places(path, named)
        return {str(member): str(name) for member, name in named.items() if manifest.holds(str(member))}

    def _refuse_strange_places(self, path: Path, named: Mapping[str, object]) -> None:
        """An archive does not choose where it writes. One of our own may go where mobius.toml said when it was made;
        one from elsewhere only where it says now."""
        configured = {PurePosixPath(name) for name in self._settings.backup.kept_paths}
        for member, name in named.items():
            place = PurePosixPath(str(name))
            inside = not place.is_absolute() and ".." not in place.parts and member == member_of(str(name))
            if place not in configured and not (inside and self._is_ours(path)):
                raise BackupInvalid(
                    f"{path.name} would write to {name}, which is not one of backup.paths",
                    "add it to backup.paths in mobius.toml if that is where its data belongs",
                )

    def restore_release(self, path: Path) -> Release:
        manifest = verify_archive(path, deep=False)
        described = manifest.metadata.get("release")
        if not isinstance(described, dict) or not manifest.holds("release"):
            raise BackupInvalid(f"{path.name} holds no release", "choose another: mobius backup list")
        try:
            release = msgspec.convert(described, Release)
            processes = msgspec.convert(manifest.metadata.get("processes") or [], tuple[ProcessSettings, ...])
        except msgspec.MsgspecError as problem:
            raise BackupInvalid(
                f"{path.name} does not describe its release: {problem}", "mobius backup list"
            ) from problem
        if not RELEASE_ID.fullmatch(release.id):
            raise BackupInvalid(
                f"{path.name} names its release {release.id!r}, which is no name of one", "mobius backup list"
            )
        with in_words(f"the release of {path.name} could not be laid out", self._places.releases):
            return self._laid_out(path, release, processes)

    def _laid_out(self, path: Path, release: Release, processes: tuple[ProcessSettings, ...]) -> Release:
        if self._store.is_staged(release.id):
            return release
        self._store.remove(release.id)
        target = self._store.path(tree_of(release.id))
        if not target.is_dir():  # it stays where another configuration of the same tree needs it
            target.parent.mkdir(parents=True, exist_ok=True)
            scratch = target.with_name(f".{target.name}.restoring")
            shutil.rmtree(scratch, ignore_errors=True)
            self._extract(path, scratch, "release")
            (scratch / "release").rename(target)
            shutil.rmtree(scratch)
            self._store.relink(target)
        processes = with_secrets_of(processes, self._settings.processes)
        if release.id != target.name:
            return self._store.configure(release, processes)
        return self._store.adopt(release, processes)

    def _extract(self, path: Path, destination: Path, member: str) -> None:
        ours = self._is_ours(path)
        try:
            extract_archive(path, destination, prefixes=[member], trusted=ours)
        except BackupInvalid as problem:
            if ours:
                raise
            folder = self._settings.backup.folder
            hint = f"if you know that it is your own, move it and its .sha256 to {folder}"
            raise BackupInvalid(problem.message, hint, details=problem.details) from problem

    def _is_ours(self, path: Path) -> bool:
        return path.resolve().parent == self._settings.backup.folder.resolve()
