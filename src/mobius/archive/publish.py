"""Publishing an archive: checksum first, then signature, then the archive: what has its name has been verified.

A writer works in a hidden `.tmp` file whose kernel lock it holds; whoever can take that lock knows the writer
is dead and may sweep. kill -9 at any moment leaves a whole backup, or none and some leftovers. Taking a backup away
is the same backwards: one rename hides the archive, then the rest goes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from mobius.archive.durable import drop_cache, folder_locked, in_words, lock_file, sync_folder
from mobius.errors import BackupInvalid, MobiusError, UsageError

BESIDE = (".sha256", ".sig", ".rehearsal.json")  # what lies beside an archive, and goes with it
_TEMPORARY = re.compile(r"\.(.+\.zip)(?:\.sha256|\.sig|\.rehearsal\.json)?\.[0-9a-f]{12}\.tmp")

Sign = Callable[[bytes], bytes]


class NameTaken(MobiusError):
    """Another backup has, or is being written under, this name."""


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


def signature_of(archive: Path) -> Path:
    """`dhash_x.zip` -> `dhash_x.zip.sig`."""
    return archive.with_name(archive.name + ".sig")


def beside(archive: Path) -> tuple[Path, ...]:
    """Every file that may lie beside an archive and means nothing without it."""
    return tuple(archive.with_name(archive.name + ending) for ending in BESIDE)


@contextlib.contextmanager
def workspace(target: Path) -> Iterator[Workspace]:
    """A private file beside `target` to write in; whatever of it is left at the end is removed. Raises NameTaken
    when somebody alive writes a backup of that name."""
    with folder_locked(target.parent):
        sweep_unlocked(target.parent)
        if any(
            (ours := _TEMPORARY.fullmatch(path.name)) and ours[1] == target.name
            for path in target.parent.iterdir()
        ):
            raise NameTaken(f"the backup {target} is being written", "name the new one differently")
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


def publish(
    space: Workspace, target: Path, sha256: str, *, checksum_root: Path, sign: Sign | None = None
) -> Path:
    """Give the verified, synced content of `space` its name, and return its sidecar.

    The sidecar, and its signature where `sign` gives one, are there, durable, before the archive is. MobiusError when
    `target` exists by now, or cannot be signed.
    """
    content = _sidecar_text(sha256, recorded_name(target, checksum_root))
    signature = sign(content) if sign else b""  # before the lock: an agent may have to ask somebody
    with folder_locked(target.parent):
        if target.exists():
            raise NameTaken(f"the backup {target} exists already", "name the new one differently")
        try:
            _link_for_sha256sum(target, checksum_root)
            _write_beside(target, content, signature)
            # Windows renames no open file; nobody can sweep it now, since we hold the folder.
            space.file.close()
            space.path.replace(target)
        except BaseException:
            if not target.exists():
                _remove_beside(target)
            raise
        sync_folder(target.parent)
    return sidecar_of(target)


def publish_alias(archive: Path, alias: Path, *, checksum_root: Path, sign: Sign | None = None) -> Path:
    """Publish `archive` under a second name in its folder too (the day's name); an older alias gives way.

    The caller vouches that `archive` was verified. May be repeated. Returns the alias's sidecar. The name is part of
    what is signed, so the alias has a signature of its own.
    """
    if archive.parent.absolute() != alias.parent.absolute() or archive.name == alias.name:
        raise UsageError(
            f"{alias} cannot be a second name of {archive}", "use another name in the same folder"
        )
    sha256 = sidecar_of(archive).read_text("utf-8")[:64]
    content = _sidecar_text(sha256, recorded_name(alias, checksum_root))
    signature = sign(content) if sign else b""
    with (
        in_words(f"the second name {alias.name} could not be published", alias.parent),
        folder_locked(alias.parent),
    ):
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
            _remove_beside(alias)
            _write_beside(alias, content, signature)
            temporary.replace(alias)
        except BaseException:
            if not alias.exists():
                _remove_beside(alias)
            raise
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(alias.parent)
    return sidecar_of(alias)


def withdraw(archive: Path) -> None:
    """Take a backup away with all that lies beside it; not there is a success. kill -9 leaves it whole, or hidden
    where the next sweep removes it."""
    with folder_locked(archive.parent):
        hidden = archive.parent / f".{archive.name}.{secrets.token_hex(6)}.tmp"
        with contextlib.suppress(FileNotFoundError):
            archive.rename(hidden)
        _remove_beside(archive)
        hidden.unlink(missing_ok=True)
        sync_folder(archive.parent)


def _remove_beside(archive: Path) -> None:
    for path in beside(archive):
        path.unlink(missing_ok=True)


def _copy_verified(archive: Path, copy: Path, sha256: str) -> None:
    shutil.copyfile(archive, copy)
    with copy.open("r+b") as file:
        os.fsync(file.fileno())
        drop_cache(file.fileno())
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise BackupInvalid(f"{archive} could not be copied: the copy differs", "check the disk it is on")


def recorded_name(target: Path, checksum_root: Path) -> str:
    """The name in the sidecar: relative to the root where the archive is below it, else absolute. A folder that a
    checksum file could only name with escapes is left out: `sha256sum -c` finds the archive from its folder."""
    absolute = _absolute(target)
    try:
        name = absolute.relative_to(_absolute(checksum_root)).as_posix()
    except ValueError:
        name = absolute.as_posix()
    return target.name if any(char in "\\\r\n" for char in name) else name


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
            # Of a writer killed between its renames: a sidecar whose archive never came.
            target = folder / ours[1]
            if not target.exists():
                removed.extend(path for path in beside(target) if path.exists())
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


def _sidecar_text(sha256: str, name: str) -> bytes:
    # Not text mode: sha256sum takes a carriage return for a part of the name.
    return f"{sha256}  {name}\n".encode()


def _write_beside(archive: Path, content: bytes, signature: bytes) -> None:
    """The checksum, then the signature of it; without one, none of an earlier writer stays."""
    _write_durably(sidecar_of(archive), content)
    if signature:
        _write_durably(signature_of(archive), signature)
    else:
        signature_of(archive).unlink(missing_ok=True)


def _write_durably(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
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
