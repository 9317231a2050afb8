"""Publishing an archive: sidecar first, then the archive, so that what has its name has been verified.

A writer works in a hidden `.tmp` file whose kernel lock it holds; whoever can take that lock knows the writer
is dead and may sweep. kill -9 at any moment leaves a whole backup, or none and some leftovers.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from mobius.archive.durable import drop_cache, folder_locked, lock_file, sync_folder
from mobius.errors import BackupInvalid, MobiusError, UsageError

_TEMPORARY = re.compile(r"\.(.+\.zip)(?:\.sha256)?\.[0-9a-f]{12}\.tmp")


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where one archive is being written: `path` is open as `file`, locked, and unknown to any listing."""

    path: Path
    file: BinaryIO

    def scratch(self) -> Path:
        """Where one database at a time can be captured; swept together with the rest."""
        return self.path.with_suffix(".capture")


def sidecar_of(archive: Path) -> Path:
    """`dhash_x.zip` -> `dhash_x.zip.sha256`."""
    return archive.with_name(archive.name + ".sha256")


@contextlib.contextmanager
def workspace(target: Path) -> Iterator[Workspace]:
    """A private file beside `target` to write in; whatever of it is left at the end is removed."""
    with folder_locked(target.parent):
        sweep_unlocked(target.parent)
        path = target.parent / f".{target.name}.{secrets.token_hex(6)}.tmp"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        lock_file(fd, wait=False)
    space = Workspace(path, os.fdopen(fd, "w+b"))
    try:
        yield space
    finally:
        # What could not be flushed has failed already, with its own words.
        with contextlib.suppress(OSError):
            space.file.close()
        for leftover in _belongings(path):
            leftover.unlink(missing_ok=True)


def publish(space: Workspace, target: Path, sha256: str, *, checksum_root: Path) -> Path:
    """Give the verified, synced content of `space` its name, and return its sidecar.

    The sidecar is there, durable, before the archive is. MobiusError when `target` exists by now.
    """
    sidecar = sidecar_of(target)
    with folder_locked(target.parent):
        if target.exists():
            raise MobiusError(f"the backup {target} exists already", "name the new one differently")
        _link_for_sha256sum(target, checksum_root)
        _write_sidecar(sidecar, sha256, recorded_name(target, checksum_root))
        # Windows renames no open file; nobody can sweep it now, since we hold the folder.
        space.file.close()
        space.path.replace(target)
        sync_folder(target.parent)
    return sidecar


def publish_alias(archive: Path, alias: Path, *, checksum_root: Path) -> Path:
    """Publish `archive` under a second name in its folder too (the day's name); an older alias gives way.

    The caller vouches that `archive` was verified. May be repeated. Returns the alias's sidecar.
    """
    if archive.parent.absolute() != alias.parent.absolute() or archive.name == alias.name:
        raise UsageError(
            f"{alias} cannot be a second name of {archive}", "use another name in the same folder"
        )
    sha256 = sidecar_of(archive).read_text("utf-8")[:64]
    with folder_locked(alias.parent):
        sweep_unlocked(alias.parent)
        temporary = alias.parent / f".{alias.name}.{secrets.token_hex(6)}.tmp"
        try:
            # No second copy on disk, where the filesystem can do it.
            try:
                temporary.hardlink_to(archive)
            except OSError:
                _copy_verified(archive, temporary, sha256)
            # The old archive goes first: under its name there is never one that its sidecar does not fit.
            alias.unlink(missing_ok=True)
            _write_sidecar(sidecar_of(alias), sha256, recorded_name(alias, checksum_root))
            temporary.replace(alias)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(alias.parent)
    return sidecar_of(alias)


def _copy_verified(archive: Path, copy: Path, sha256: str) -> None:
    shutil.copyfile(archive, copy)
    with copy.open("r+b") as file:
        os.fsync(file.fileno())
        drop_cache(file.fileno())
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise BackupInvalid(f"{archive} could not be copied: the copy differs", "check the disk it is on")


def recorded_name(target: Path, checksum_root: Path) -> str:
    """The name in the sidecar: relative to the root where the archive is below it, else absolute."""
    absolute = _absolute(target)
    try:
        return absolute.relative_to(_absolute(checksum_root)).as_posix()
    except ValueError:
        return absolute.as_posix()


def _absolute(path: Path) -> Path:
    # Not resolve(): the name shall be the one that people see, links and all.
    return Path(os.path.abspath(path))  # noqa: PTH100


def sweep(folder: Path) -> tuple[Path, ...]:
    """Remove what dead writers left in `folder`, and say what it was. A living writer's files stay."""
    with folder_locked(folder):
        return sweep_unlocked(folder)


def sweep_unlocked(folder: Path) -> tuple[Path, ...]:
    """`sweep`, for who holds the folder's lock already."""
    removed: list[Path] = []
    for leftover in sorted(folder.glob(".*.tmp")):
        if not (ours := _TEMPORARY.fullmatch(leftover.name)):
            continue
        try:
            fd = os.open(leftover, os.O_RDWR)
        except OSError:
            continue
        try:
            if not lock_file(fd, wait=False):
                continue
            # Of a writer killed between its two renames: a sidecar whose archive never came.
            target = folder / ours[1]
            if sidecar_of(target).exists() and not target.exists():
                removed.append(sidecar_of(target))
            removed.extend(_belongings(leftover))
        finally:
            os.close(fd)
    for path in removed:
        path.unlink(missing_ok=True)
    return tuple(removed)


def _belongings(temporary: Path) -> list[Path]:
    """The writer's file last: while it exists, the others can be found."""
    stem = temporary.name.removesuffix(".tmp")
    others = [
        path for path in temporary.parent.glob(".*") if path.name.startswith(stem + ".") and path != temporary
    ]
    return [*sorted(others), *([temporary] if temporary.exists() else [])]


def _write_sidecar(sidecar: Path, sha256: str, name: str) -> None:
    temporary = sidecar.with_name(f".{sidecar.name}.{secrets.token_hex(6)}.tmp")
    try:
        # Not text mode: sha256sum takes a carriage return for a part of the name.
        with temporary.open("xb") as file:
            file.write(f"{sha256}  {name}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(sidecar)
        sync_folder(sidecar.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _link_for_sha256sum(target: Path, checksum_root: Path) -> None:
    """Let `sha256sum -c` find the root-relative name from inside each backup folder too: `backups/backups ->
    .`.

    Where links cannot be made (Windows), the form from the project's root still works.
    """
    name = PurePosixPath(recorded_name(target, checksum_root))
    if name.is_absolute() or len(name.parts) < 2:
        return
    first, *further = name.parts[:-1]
    folder = _absolute(checksum_root) / first
    for depth, _ in enumerate([first, *further]):
        link = folder.joinpath(*further[:depth], first)
        with contextlib.suppress(OSError, NotImplementedError):
            link.symlink_to("/".join([".."] * depth) or ".", target_is_directory=True)
