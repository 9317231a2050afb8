"""Walking the source trees: what there is to back up, in a fixed order, and how much of it."""

from __future__ import annotations

import fnmatch
import itertools
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius.archive.manifest import MANIFEST_NAME, METADATA_NAME, EntryKind, Source
from mobius.archive.sqlite_capture import COMPANIONS, is_sqlite
from mobius.errors import MobiusError, UsageError


@dataclass(frozen=True, slots=True)
class Skipped:
    """A path that is not in the backup, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """One path to back up, as the walk saw it; `member` is its path in the archive."""

    member: str
    path: Path
    kind: EntryKind
    mode: int
    mtime_ns: int
    size_bytes: int
    database: bool


@dataclass(frozen=True, slots=True)
class Estimate:
    """How much a backup will hold, before compression."""

    files: int
    size_bytes: int


def walk(sources: Sequence[Source]) -> tuple[tuple[Found, ...], tuple[Skipped, ...]]:
    """All paths of all sources, sorted, and what cannot be in an archive (sockets, pipes, devices).

    An SQLite database is known by its first 16 bytes; its -wal, -shm and -journal are left out, since its
    capture holds what is in them. Raises UsageError for a source that cannot be used, MobiusError for an
    unreadable path or a name that is not UTF-8.
    """
    _refuse_unusable(sources)
    found: list[Found] = []
    skipped: list[Skipped] = []
    for source in sources:
        for member, path in _paths(source):
            seen = _look(member, path, follow=path == source.path)
            if isinstance(seen, Found):
                found.append(seen)
            else:
                skipped.append(seen)
    companions = {each.member + suffix for each in found if each.database for suffix in COMPANIONS}
    kept = sorted((each for each in found if each.member not in companions), key=lambda each: each.member)
    _refuse_twice(kept)
    return tuple(kept), tuple(skipped)


def estimate(sources: Sequence[Source]) -> Estimate:
    """Count files and bytes, reading only what tells a database: an upper bound of what the archive needs."""
    found, _ = walk(sources)
    files = [each for each in found if each.kind == "file"]
    return Estimate(len(files), sum(each.size_bytes for each in files))


def _refuse_unusable(sources: Sequence[Source]) -> None:
    for source in sources:
        parts = source.prefix.split("/")
        if not source.prefix or "\\" in source.prefix or any(part in ("", ".", "..") for part in parts):
            raise UsageError(
                f"backup prefix {source.prefix!r} is not a plain relative path", "use a name like data"
            )
        if parts[0] in (METADATA_NAME, MANIFEST_NAME):
            raise UsageError(f"backup prefix {source.prefix!r} is the archive's own", "choose another name")
        if not source.path.exists():
            raise UsageError(
                f"nothing to back up at {source.path}: no such file or directory",
                "correct backup.paths in mobius.toml",
            )


def _paths(source: Source) -> Iterator[tuple[str, Path]]:
    yield source.prefix, source.path
    if source.path.is_dir():
        yield from _below(source, source.path, "")


def _below(source: Source, folder: Path, relative: str) -> Iterator[tuple[str, Path]]:
    try:
        with os.scandir(folder) as listing:
            children = sorted((child.name, child.is_dir(follow_symlinks=False)) for child in listing)
    except FileNotFoundError:
        return  # removed since its own folder was listed, as if it had been empty
    except OSError as error:
        raise _unreadable(folder, error) from error
    for name, is_folder in children:
        below = f"{relative}/{name}" if relative else name
        if _excluded(below, name, source.exclude):
            continue
        yield f"{source.prefix}/{below}", folder / name
        if is_folder:
            yield from _below(source, folder / name, below)


def _excluded(relative: str, name: str, patterns: Sequence[str]) -> bool:
    for pattern in patterns:
        wanted = pattern.strip("/")
        # "/logs" means the one at the top, as in .gitignore.
        if fnmatch.fnmatchcase(relative if "/" in pattern.rstrip("/") else name, wanted):
            return True
    return False


def _look(member: str, path: Path, *, follow: bool) -> Found | Skipped:
    _refuse_undecodable(member)
    try:
        if follow:
            path = path.resolve()
        seen = path.lstat()
        if stat.S_ISREG(seen.st_mode):
            database = is_sqlite(path)
            size_bytes = _database_size(path, seen) if database else seen.st_size
            return _found(member, path, "file", seen, size_bytes, database)
        if stat.S_ISDIR(seen.st_mode):
            return _found(member, path, "directory", seen, 0, False)
        if stat.S_ISLNK(seen.st_mode):
            target = os.fsencode(path.readlink())
            _refuse_undecodable(os.fsdecode(target))
            return _found(member, path, "symlink", seen, len(target), False)
    except FileNotFoundError:
        return Skipped(member, "went away while the tree was read")
    except OSError as error:
        raise _unreadable(path, error) from error
    return Skipped(member, _special(seen.st_mode))


def _found(
    member: str, path: Path, kind: EntryKind, seen: os.stat_result, size: int, database: bool
) -> Found:
    # Set-uid does not belong in a backup of a service; set-gid and sticky mean something on a shared folder.
    mode = stat.S_IMODE(seen.st_mode) & (0o3777 if kind == "directory" else 0o777)
    return Found(member, path, kind, mode, seen.st_mtime_ns, size, database)


def _database_size(path: Path, seen: os.stat_result) -> int:
    """The copy may be as large as the file and what its write-ahead log adds."""
    try:
        return seen.st_size + Path(f"{path}-wal").stat().st_size
    except OSError:
        return seen.st_size


def _special(mode: int) -> str:
    kinds = {
        stat.S_IFSOCK: "a socket",
        stat.S_IFIFO: "a pipe",
        stat.S_IFBLK: "a device",
        stat.S_IFCHR: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "neither file, directory nor link")


def _refuse_undecodable(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise MobiusError(
            f"{os.fsencode(name)!r} cannot be backed up: its name is not UTF-8", "rename it, or exclude it"
        ) from error


def _refuse_twice(found: Sequence[Found]) -> None:
    for one, other in itertools.pairwise(found):
        if one.member == other.member:
            raise UsageError(
                f"{one.path} and {other.path} would both be {one.member} in the backup",
                "give each path of backup.paths its own place",
            )
    leaves = {each.member: each.path for each in found if each.kind != "directory"}
    for each in found:
        for parent in _parents(each.member):
            if parent in leaves:
                raise UsageError(
                    f"{each.path} would be below {leaves[parent]}, which is not a directory, in the backup",
                    "give each path of backup.paths its own place",
                )


def _parents(member: str) -> Iterator[str]:
    parts = member.split("/")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts)))


def _unreadable(path: Path, error: OSError) -> MobiusError:
    return MobiusError(
        f"{path} cannot be backed up: {error.strerror or error}", "let this user read it, or exclude it"
    )
