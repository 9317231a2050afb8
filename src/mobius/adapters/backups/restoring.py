"""The way back out of an archive, into the live place."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from mobius.adapters.backups.contents import member_of, with_secrets_of
from mobius.adapters.places import Places
from mobius.adapters.releases.store import ReleaseStore
from mobius.archive.extract import extract_archive
from mobius.archive.swap import SwapState, observe_swap, swap_in
from mobius.archive.verify import verify_archive
from mobius.errors import BackupInvalid
from mobius.model.release import Release, tree_of
from mobius.model.settings import EnvironmentSettings, ProcessSettings

RELEASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")  # a name inside `releases/`, and never a path


class Restorer:
    """Restores archives of one environment. One that lies in its own backup folder is trusted to hold links out of
    the release (a virtual environment has one); any other is held to every rule."""

    def __init__(self, settings: EnvironmentSettings, places: Places, store: ReleaseStore) -> None:
        self._settings = settings
        self._places = places
        self._store = store

    def restore_data(self, path: Path, *, key: str, progress: Callable[[str], None]) -> Mapping[str, Any]:
        manifest = verify_archive(path, deep=False)
        named = manifest.metadata.get("paths")
        if not isinstance(named, dict):
            raise BackupInvalid(f"{path.name} does not say where its data belongs", "mobius backup list")
        self._refuse_strange_places(path, named)
        present = [str(member) for member in named if manifest.under(str(member))]
        for member in present:
            self._put_in_place(path, member, self._places.resolve(str(named[member])), key)
            progress(f"restored {named[member]}")
        return {"backup": path.name, "restored": [str(named[member]) for member in present]}

    def _refuse_strange_places(self, path: Path, named: Mapping[str, object]) -> None:
        """An archive does not choose where it writes. One of our own may go where mobius.toml said when it was made;
        one from elsewhere only where it says now."""
        configured = {PurePosixPath(name) for name in self._settings.backup.paths}
        for member, name in named.items():
            place = PurePosixPath(str(name))
            inside = not place.is_absolute() and ".." not in place.parts and member == member_of(str(name))
            if place not in configured and not (inside and self._is_ours(path)):
                raise BackupInvalid(
                    f"{path.name} would write to {name}, which is not one of backup.paths",
                    "add it to backup.paths in mobius.toml if that is where its data belongs",
                )

    def _put_in_place(self, path: Path, member: str, live: Path, key: str) -> None:
        """Extracted whole beside the live one, on its own file system; then one exchange. May be repeated."""
        # An operator may have put the data on another disk by a link: the data there is what is exchanged.
        live = live.resolve() if live.is_symlink() else live
        beside = live.with_name(f".{live.name}.restoring-{key}")
        new, old = live.with_name(f".{live.name}.new-{key}"), live.with_name(f".{live.name}.before-{key}")
        if not new.exists() and observe_swap(new, live, old) is SwapState.DONE:
            return
        if not new.exists():
            live.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(beside, ignore_errors=True)
            self._extract(path, beside, member)
            (beside / member).rename(new)
        shutil.rmtree(beside, ignore_errors=True)
        swap_in(new, live, old)

    def restore_release(self, path: Path) -> Release:
        manifest = verify_archive(path, deep=False)
        described = manifest.metadata.get("release")
        if not isinstance(described, dict) or not manifest.under("release"):
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
