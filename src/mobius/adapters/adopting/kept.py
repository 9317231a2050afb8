"""What an adoption must be able to give back: every file as it was, kept before the first change, and how far it is.

`<root>/adopted/record.json` is written before anything else is touched, durably, and again after each step; so a
kill -9 at any point leaves either nothing, or enough to finish or to undo.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec

from mobius.archive.durable import in_words, lock_file, sync_folder
from mobius.errors import Locked, MobiusError
from mobius.model.adoption import Adoption, FileChange

Phase = Literal["begun", "adopted", "undoing"]
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One file as it was; `copy` is its content's name in the folder, "" where there was no file."""

    path: str
    copy: str = ""
    sha256: str = ""
    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    xattrs: Mapping[str, str] | None = None  # hex


@dataclass(frozen=True, slots=True)
class Record:
    """How far an adoption is, and everything it takes to finish it or to undo it."""

    plan: Adoption
    files: tuple[KeptFile, ...]
    boot_links: Mapping[str, str]
    begun_at: float
    phase: Phase = "begun"
    schema_version: int = SCHEMA_VERSION


class Kept:
    """The folder `<root>/adopted`, for root's eyes only."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / "adopted"
        self._file = self._folder / "record.json"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """One adoption at a time. Raises `Locked`."""
        self._root.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._root / "adopting.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not lock_file(fd, wait=False):
                raise Locked("another mobius adopt is at work here", "wait for it, then look: mobius status")
            yield
        finally:
            os.close(fd)

    def record(self) -> Record | None:
        """What was written down; None where nothing is adopted. Raises `MobiusError` for a damaged one."""
        try:
            content = self._file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise MobiusError(
                f"{self._file} cannot be read: {problem.strerror}", "run it as root"
            ) from problem
        try:
            said = json.loads(content)
            digest = said.pop("sha256")
            if digest != _checksum(said):
                raise ValueError("its checksum does not match")
            return msgspec.convert(said, Record)
        except (ValueError, LookupError, AttributeError, msgspec.MsgspecError) as problem:
            raise MobiusError(
                f"{self._file} is damaged: {problem}",
                f"the files as they were lie beside it; put them back by hand: {self._folder}",
            ) from problem

    def begin(self, plan: Adoption, boot_links: Mapping[str, str], now: float) -> Record:
        """Keeps every file that will change, then writes the record. Raises `MobiusError`, nothing changed."""
        with in_words("the files could not be kept", self._folder):
            shutil.rmtree(self._folder, ignore_errors=True)  # of a try that had no record yet
            self._folder.mkdir(parents=True, mode=0o700)
            changes = (*plan.project_files, *plan.proxy_files)
            files = tuple(self._keep(change, number) for number, change in enumerate(changes, start=1))
            record = Record(plan, files, dict(boot_links), now)
            self._write(record)
            return record

    def mark(self, record: Record, phase: Phase) -> Record:
        """Writes down how far it is."""
        fresh = replace(record, phase=phase)
        self._write(fresh)
        return fresh

    def end(self) -> None:
        """Nothing is adopted any more; nothing of it is kept."""
        self._file.unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    # -- files --------------------------------------------------------------------------------------------------

    def put(self, change: FileChange) -> None:
        """The file has its new content, with the mode and owner it had; a new one is its folder's owner's."""
        path = Path(change.path)
        with in_words(f"{path} could not be written", path.parent):
            _make_folder(path.parent)
            like = path.stat() if path.exists() else None
            owner = like or path.parent.stat()
            new_mode = 0o600 if path.suffix == ".env" else 0o644
            mode = like.st_mode & 0o7777 if like else new_mode
            _replace(path, change.after, mode, owner.st_uid, owner.st_gid, _xattrs(path) if like else None)

    def restore(self, kept: KeptFile) -> None:
        """The file is as it was: content, mode, owner, time; or gone, where there was none."""
        path = Path(kept.path)
        with in_words(f"{path} could not be put back", path.parent):
            if not kept.copy:
                path.unlink(missing_ok=True)
                return
            content = (self._folder / kept.copy).read_bytes()
            if hashlib.sha256(content).hexdigest() != kept.sha256:
                raise MobiusError(
                    f"{path} cannot be put back: its copy {self._folder / kept.copy} was changed",
                    f"compare both by hand, then remove {self._file}",
                )
            _replace(path, content, kept.mode, kept.uid, kept.gid, kept.xattrs, kept.mtime_ns)

    def put_back(self, name: str, content: bytes) -> None:
        """The file has this content, and the mode and owner it has now."""
        self.put(FileChange(name, None, content))

    def put_aside(self, name: str) -> str:
        """A copy of a file that somebody changed since, in this folder's parent; answers where."""
        aside = self._root / f"{Path(name).name}.before-undo"
        with in_words(f"{name} could not be kept", self._root):
            shutil.copy2(name, aside)
        return str(aside)

    def content(self, name: str) -> bytes | None:
        """What the file holds now; None where there is none."""
        with in_words(f"{name} could not be read", self._root):
            try:
                return Path(name).read_bytes()
            except FileNotFoundError:
                return None

    def _keep(self, change: FileChange, number: int) -> KeptFile:
        path = Path(change.path)
        if change.before is None:
            return KeptFile(change.path)
        content, found = path.read_bytes(), path.stat()
        if content != change.before:
            raise MobiusError(f"{path} was changed just now, by somebody else", "mobius adopt again")
        copy = f"{number}-{path.name}"
        _replace(self._folder / copy, content, 0o600, os.geteuid(), os.getegid(), None)
        return KeptFile(
            change.path,
            copy,
            hashlib.sha256(content).hexdigest(),
            found.st_mode & 0o7777,
            found.st_uid,
            found.st_gid,
            found.st_mtime_ns,
            _xattrs(path),
        )

    def _write(self, record: Record) -> None:
        said = msgspec.to_builtins(record)
        said["sha256"] = _checksum(said)
        content = json.dumps(said, indent=1).encode()
        with in_words("the adoption could not be written down", self._folder):
            _replace(self._file, content, 0o600, os.geteuid(), os.getegid(), None)
            sync_folder(self._folder.parent)


def _checksum(said: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _make_folder(folder: Path) -> None:
    """What is missing belongs to the owner of what is there."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    owner = folder.parent.stat()
    if os.geteuid() == 0:
        os.chown(folder, owner.st_uid, owner.st_gid)


def _replace(
    path: Path,
    content: bytes,
    mode: int,
    uid: int,
    gid: int,
    xattrs: Mapping[str, str] | None,
    mtime_ns: int | None = None,
) -> None:
    """Whole or not at all, and never readable for more people than in the end."""
    temporary = path.with_name(f".{path.name}.mobius-new")
    temporary.unlink(missing_ok=True)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            if (uid, gid) != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), uid, gid)
            os.fchmod(file.fileno(), mode)
            for name, value in (xattrs or {}).items():
                with contextlib.suppress(OSError):
                    os.setxattr(file.fileno(), name, bytes.fromhex(value))
            file.flush()
            if mtime_ns is not None:
                os.utime(file.fileno(), ns=(mtime_ns, mtime_ns))
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _xattrs(path: Path) -> dict[str, str]:
    try:
        return {name: os.getxattr(path, name).hex() for name in os.listxattr(path)}
    except OSError:
        return {}
