"""What goes into a backup: the release, mobius.toml, and the paths that are configured, each of them really there."""

from __future__ import annotations

import os
from pathlib import Path

from mobius.adapters.backups.contents import member_of
from mobius.adapters.places import Places
from mobius.adapters.releases.store import ReleaseStore
from mobius.archive.manifest import Source
from mobius.archive.swap_inside import OURS
from mobius.errors import MobiusError
from mobius.model.release import Release
from mobius.model.settings import EnvironmentSettings

FSTAB = Path("/etc/fstab")


def sources_of(
    settings: EnvironmentSettings, places: Places, store: ReleaseStore, release: Release | None
) -> list[Source]:
    """Raises MobiusError naming the configured path that is not there, or not to be read, and why."""
    sources = []
    if release is not None and store.path(release.id).is_dir():
        links = tuple(settings.release.link)
        sources.append(Source("release", store.path(release.id), exclude=links))
    config = places.project / "mobius.toml"
    if config.is_file():
        sources.append(Source("mobius.toml", config))
    for name in settings.backup.kept_paths:
        path = places.resolve(name)
        if not path.exists() and not path.is_symlink() and release is None and _is_shared(path, places):
            continue  # before the first deployment nothing is shared yet
        refuse_unusable(name, path)
        sources.append(Source(member_of(name), path, exclude=(f"{OURS}*",)))
    return sources


def refuse_unusable(name: str, path: Path) -> None:
    """Raises MobiusError where a backup of this path would hold nothing, or not all of it."""
    out = f"take {name} out of backup.paths in mobius.toml"
    try:
        there = path.exists()
    except OSError as error:  # a parent that may not be searched
        raise MobiusError(
            f"the backup path {name} cannot be looked at: {path}: {error.strerror or error}",
            f"let this user search {path.parent}, or {out}",
        ) from error
    if not there and path.is_symlink():
        raise MobiusError(
            f"the backup path {name} is a link to nothing: {path} -> {path.readlink()}",
            f"make what it points to (is its disk mounted?), or {out}",
        )
    if not there:
        raise MobiusError(
            f"the backup path {name} does not exist: {path}",
            "create it, or take it out of backup.paths in mobius.toml",
        )
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        raise MobiusError(
            f"the backup path {name} cannot be read: {path}", f"let this user read it, or {out}"
        )
    unmounted = _unmounted(path)
    if unmounted is not None:
        raise MobiusError(
            f"the backup path {name} lies on a disk that is not mounted: {unmounted}",
            f"mount {unmounted}, or take its line out of {FSTAB}",
        )


def _is_shared(path: Path, places: Places) -> bool:
    return path.is_relative_to(places.shared)


def _unmounted(path: Path) -> Path | None:
    """The mount point of fstab at or above the path where nothing is mounted: the folder there is an empty shell."""
    real = Path(os.path.realpath(path))
    for point in _mount_points():
        if real.is_relative_to(point) and point != Path("/") and not os.path.ismount(point):
            return point
    return None


def _mount_points() -> list[Path]:
    """What should be mounted at the start of this machine: without `noauto`, as fstab(5) escapes names."""
    try:
        lines = FSTAB.read_text(errors="replace").splitlines()
    except OSError:
        return []
    points = []
    for line in lines:
        fields = line.split("#")[0].split()
        if len(fields) >= 4 and fields[1].startswith("/") and "noauto" not in fields[3].split(","):
            name = fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n")
            points.append(Path(name.replace("\\134", "\\")))
    return points
