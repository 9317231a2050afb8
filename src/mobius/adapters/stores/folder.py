"""A store that is a folder on another mounted disk."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from mobius.adapters.stores.agreed import (
    PIECE_BYTES,
    CopyDiffers,
    Deadline,
    checked_name,
    refuse_changed,
    same_or_taken,
    sha256_of_pieces,
    small,
)
from mobius.archive.durable import drop_cache, folder_locked, human, in_words, lock_file, sync_folder
from mobius.errors import BackupInvalid, MobiusError
from mobius.model.stored import Created, Stored
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import NotStored

STEP_BYTES = 1 << 20
CHECKED = "read back from the disk"


class FolderStore:
    """The folder itself is never made: where a disk is not mounted there is none, and a copy into the empty mount
    point would be on the disk that it is meant to survive. `beside` is where the originals lie."""

    def __init__(self, root: Path, *, timeout_s: float, beside: Path | None = None) -> None:
        self._root = root
        self._timeout_s = timeout_s
        self._beside = beside

    def place(self, name: str = "") -> str:
        return str(self._root / name)

    # -- writing ----------------------------------------------------------------------------------------------

    def create(self, name: str, content: Path, *, sha256: str, progress: Callable[[int], None]) -> Created:
        """A killed attempt leaves `.NAME.part`, whose bytes are compared with the file's and used again."""
        target, deadline = self._target(name), Deadline(self._timeout_s)
        with in_words(f"{target} could not be written", self._root):
            if target.exists():
                return self._there_already(target, sha256, deadline)
            target.parent.mkdir(parents=True, exist_ok=True)
            with self._part(target) as part, content.open("rb") as source:
                kept, sent, found = _continue(source, part, deadline, progress)
                refuse_changed(content.name, expected=sha256, found=found)
                part.flush()
                os.fsync(part.fileno())
                drop_cache(part.fileno())
                part.seek(0)
                back = sha256_of_pieces(_pieces(part, None, deadline, f"reading {target} back"))
                if back != sha256:
                    raise CopyDiffers(str(target), expected=sha256, found=back)
                return self._publish(target, sha256, Created(sent, kept, CHECKED), deadline)

    @contextlib.contextmanager
    def _part(self, target: Path) -> Iterator[BinaryIO]:
        """Open and locked. It stays for the next attempt, unless it is known to be wrong."""
        path = _part_of(target)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(fd, "r+b") as part:
            # Between opening and locking, whoever had it may have published this very file.
            if not lock_file(fd, wait=False) or not _is_still(path, fd):
                raise MobiusError(f"{target} is being copied by another process", "wait until it is done")
            try:
                yield part
            except (BackupInvalid, CopyDiffers):
                path.unlink(missing_ok=True)
                raise

    def _publish(self, target: Path, sha256: str, created: Created, deadline: Deadline) -> Created:
        part = _part_of(target)
        with folder_locked(target.parent):
            try:
                target.hardlink_to(part)
            except FileExistsError:
                part.unlink()
                return self._there_already(target, sha256, deadline)
            except OSError:  # a file system without hard links; we hold its lock
                if target.exists():
                    part.unlink()
                    return self._there_already(target, sha256, deadline)
                part.replace(target)
            part.unlink(missing_ok=True)
            sync_folder(target.parent)
        return created

    def _there_already(self, target: Path, sha256: str, deadline: Deadline) -> Created:
        with target.open("rb") as file:
            drop_cache(file.fileno())
            found = sha256_of_pieces(_pieces(file, None, deadline, f"reading {target} back"))
        return same_or_taken(
            str(target), target.stat().st_size, expected=sha256, found=found, checked=CHECKED
        )

    def replace(self, name: str, content: bytes) -> None:
        target = self._target(name)
        with in_words(f"{target} could not be written", self._root):
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".{target.name}.{os.getpid()}.new")
            try:
                with temporary.open("wb") as file:
                    file.write(small(content, name))
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
            sync_folder(target.parent)

    def remove(self, name: str) -> None:
        target = self._target(name)
        with in_words(f"{target} could not be removed", self._root):
            target.unlink(missing_ok=True)

    # -- reading ----------------------------------------------------------------------------------------------

    def look(self, name: str) -> Stored | None:
        target = self._target(name)
        with in_words(f"{target} could not be looked at", self._root):
            try:
                seen = target.stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return Stored(name, seen.st_size, seen.st_mtime)

    def listed(self, start: str = "") -> Iterator[Stored]:
        self._reach()
        with in_words(f"{self._root} could not be listed", self._root):
            found = sorted(_names(self._root, start))
        for name in found:
            seen = self.look(name)
            if seen is not None:
                yield seen

    def read(self, name: str, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        target = self._target(name)
        with in_words(f"{target} could not be read", self._root):
            try:
                file = target.open("rb")
            except FileNotFoundError:
                raise NotStored(f"there is no {target}", "mobius backup list --store") from None
            with file:
                file.seek(offset)
                yield from _pieces(file, length)

    def preflight(self) -> CheckResult:
        try:
            self._reach()
        except MobiusError as problem:
            return CheckResult("store", Outcome.ERROR, problem.message, 0.0, problem.hint)
        if not os.access(self._root, os.W_OK | os.X_OK):
            return CheckResult(
                "store", Outcome.FAIL, f"{self._root} cannot be written", 0.0, "let this user write there"
            )
        beside = self._beside if self._beside and self._beside.exists() else None
        if beside and beside.stat().st_dev == self._root.stat().st_dev:
            told = f"{self._root} is on the same disk as {beside}: both would be lost at once"
            return CheckResult("store", Outcome.FAIL, told, 0.0, "set store.url to a folder of another disk")
        return CheckResult("store", Outcome.PASS, f"{self._root} can be written", 0.0)

    def _target(self, name: str) -> Path:
        self._reach()
        return self._root / checked_name(name)

    def _reach(self) -> None:
        if not self._root.is_dir():
            raise MobiusError(
                f"the store {self._root} is not there",
                f"mount its disk; if this is the right place, make the folder: mkdir -p {self._root}",
            )


def _continue(
    source: BinaryIO, part: BinaryIO, deadline: Deadline, progress: Callable[[int], None]
) -> tuple[int, int, str]:
    """Makes `part` the same as `source`: (bytes that were so already, bytes written, SHA-256 of the source)."""
    digest, at, kept = hashlib.sha256(), 0, 0
    part.seek(0)
    while piece := source.read(STEP_BYTES):
        deadline.check("the copy", f"{human(at)} of it are kept")
        digest.update(piece)
        if kept == at and part.read(len(piece)) == piece:
            kept += len(piece)
        else:
            part.seek(at)
            part.write(piece)
        at += len(piece)
        progress(at)
    part.truncate(at)
    return kept, at - kept, digest.hexdigest()


def _is_still(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False


def _part_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


def _pieces(
    file: BinaryIO, length: int | None, deadline: Deadline | None = None, doing: str = ""
) -> Iterator[bytes]:
    left = length
    while piece := file.read(PIECE_BYTES if left is None else min(left, PIECE_BYTES)):
        if deadline:
            deadline.check(doing)
        left = None if left is None else left - len(piece)
        yield piece


def _names(root: Path, start: str) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for file in files:
            name = Path(folder, file).relative_to(root).as_posix()
            if name.startswith(start) and not file.startswith("."):
                yield name
