"""Extracting a backup into a new folder: proven before it is trusted, and there whole or not at all."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobius.archive.durable import (
    folder_locked,
    in_words,
    lock_file,
    require_free_disk,
    sync_folder,
    sync_tree,
)
from mobius.archive.manifest import Entry, Manifest
from mobius.archive.names import why_hostile
from mobius.archive.renames import rename_exclusively
from mobius.archive.verify import Opened, content_of, opened_verified
from mobius.errors import BackupInvalid, MobiusError, UsageError

_BLOCK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Extracted:
    """A backup's content (or some prefixes of it) below `path`, each file proven against the manifest."""

    path: Path
    manifest: Manifest
    entries: tuple[Entry, ...]
    size_bytes: int


def extract_archive(
    path: Path,
    destination: Path,
    *,
    prefixes: Sequence[str] | None = None,
    trusted: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Extracted:
    """Verify the backup and extract it, or only `prefixes`, into the new folder `destination` (mode 0700).

    Members keep their path: `release/app.py` becomes `destination/release/app.py`. Modes and times are
    restored; owners are those of the running user. Everything is written into a hidden folder beside
    `destination`, synced, and renamed at the end; on failure that folder is removed and nothing else was
    touched.

    Links that lead out of `destination`, names that differ only by case, and names that Windows reads
    differently are refused, unless the archive is `trusted`: known to be our own, since its hash stands in
    the journal or the operator named it. A release with a virtual environment needs that, because its
    `python` is a link to the system's.

    Raises BackupInvalid for anything wrong with the backup, UsageError for an unknown prefix, MobiusError
    when `destination` exists, is not writable, or the disk is too small.
    """
    with in_words(f"backup {path.name} could not be extracted to {destination}", destination.parent):
        if os.path.lexists(destination):
            raise MobiusError(f"{destination} exists already", "extract to a folder that does not exist yet")
        with opened_verified(path) as opened:
            entries = _wanted(opened.manifest, prefixes)
            portable = not trusted or sys.platform == "win32"
            if why := why_hostile(opened.manifest.entries, portable=portable):
                hint = (
                    "if you know that this backup is your own, extract it as trusted" if not trusted else ""
                )
                raise BackupInvalid(f"it is not safe to extract: {why}", hint)
            size_bytes = sum(entry.size_bytes for entry in entries)
            needed = size_bytes + _BLOCK_BYTES * len(entries)
            require_free_disk(destination.parent, needed, f"extracting {path.name}")
            with _staging(destination) as staging:
                _write_content(opened, entries, staging, size_bytes, progress)
                _write_links(entries, staging)
                _restore_folders(entries, staging)
                sync_tree(staging)
                rename_exclusively(staging, destination)
                sync_folder(destination.parent)
            return Extracted(destination, opened.manifest, entries, size_bytes)


def _wanted(manifest: Manifest, prefixes: Sequence[str] | None) -> tuple[Entry, ...]:
    if prefixes is None:
        return manifest.entries
    for prefix in prefixes:
        if not manifest.under(prefix):
            known = sorted({entry.path.split("/")[0] for entry in manifest.entries})
            raise UsageError(f"the backup holds nothing below {prefix!r}", f"it holds: {', '.join(known)}")
    kept = {entry.path for prefix in prefixes for entry in manifest.under(prefix)}
    return tuple(entry for entry in manifest.entries if entry.path in kept)


@contextlib.contextmanager
def _staging(destination: Path) -> Iterator[Path]:
    """A private, locked folder beside `destination`, removed at the end; so are those of dead extractions."""
    parent = destination.parent
    with folder_locked(parent):
        for leftover in parent.glob(f".{glob.escape(destination.name)}.*.staging"):
            with _lock_of(leftover) as held:
                if held:
                    _remove(leftover)
        staging = parent / f".{destination.name}.{secrets.token_hex(6)}.staging"
        staging.mkdir(mode=0o700)
        lock = contextlib.ExitStack()
        lock.enter_context(_lock_of(staging))
    try:
        yield staging
    finally:
        lock.close()
        if os.path.lexists(staging):
            _remove(staging)


@contextlib.contextmanager
def _lock_of(folder: Path) -> Iterator[bool]:
    """The kernel's lock on a folder, held while it is open; where folders cannot be locked, never held."""
    if sys.platform == "win32":
        yield False
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        try:
            held = lock_file(fd, wait=False)
        except OSError:
            held = False
        yield held
    finally:
        os.close(fd)


def _write_content(
    opened: Opened,
    entries: Sequence[Entry],
    staging: Path,
    total: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    done = 0
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    for entry in entries:
        place = staging / entry.path
        if entry.kind == "directory":
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            continue
        place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if entry.kind == "symlink":
            _check_link(opened, entry)
            continue
        # Private until it is whole: a secret must not be readable for the moment before its mode is set.
        with os.fdopen(os.open(place, flags, 0o600), "wb") as file:
            for piece in content_of(opened, entry):
                file.write(piece)
                done += len(piece)
                if progress:
                    progress(done, total)
        place.chmod(entry.mode & 0o777)
        os.utime(place, ns=(entry.mtime_ns, entry.mtime_ns))


def _check_link(opened: Opened, entry: Entry) -> None:
    target = b"".join(content_of(opened, entry))
    if target != entry.link_target.encode():
        raise BackupInvalid(f"the link {entry.path} has another target in the archive than in the manifest")


def _write_links(entries: Sequence[Entry], staging: Path) -> None:
    """After all files, so that nothing is ever written through a link."""
    for entry in entries:
        if entry.kind == "symlink":
            place = staging / entry.path
            place.symlink_to(entry.link_target)
            if os.utime in os.supports_follow_symlinks:
                os.utime(place, ns=(entry.mtime_ns, entry.mtime_ns), follow_symlinks=False)


def _restore_folders(entries: Sequence[Entry], staging: Path) -> None:
    """Deepest first, since writing into a folder changes its time and may need its mode."""
    for entry in sorted(entries, key=lambda each: each.path.count("/"), reverse=True):
        if entry.kind == "directory":
            place = staging / entry.path
            place.chmod(entry.mode & 0o3777)
            os.utime(place, ns=(entry.mtime_ns, entry.mtime_ns))


def _remove(folder: Path) -> None:
    def open_up(function: Callable[..., Any], path: str, _: object) -> None:
        # A restored folder may forbid its own removal.
        Path(path).parent.chmod(stat.S_IRWXU)
        if Path(path).is_dir() and not Path(path).is_symlink():
            Path(path).chmod(stat.S_IRWXU)
            shutil.rmtree(path, ignore_errors=True)
        else:
            function(path)

    if sys.version_info >= (3, 12):
        shutil.rmtree(folder, onexc=open_up)
    else:
        shutil.rmtree(folder, onerror=open_up)
