"""Walking the source trees: what there is to back up, in the archive's order, and how much of it."""

from __future__ import annotations

import errno
import heapq
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mobius.archive.listing import Excludes, sorted_names
from mobius.archive.manifest import MANIFEST_NAME, METADATA_NAME, EntryKind, Source
from mobius.archive.sqlite_capture import COMPANIONS, is_sqlite
from mobius.errors import MobiusError, UsageError

GONE = (errno.ENOENT, errno.ENOTDIR, getattr(errno, "ESTALE", errno.ENOENT))
_DEEPEST = 500  # folders; a restore refuses more, since it holds each on the way open
_SMALLEST_PAGE_BYTES = 512  # every SQLite database is a multiple of this


@dataclass(frozen=True, slots=True)
class Skipped:
    """A path that is not in the backup, and why."""

    path: str
    reason: str


class Found(NamedTuple):
    """One path to back up, as the walk saw it; `member` is its path in the archive, `source` the number of its
    source. `allocated_bytes` is what it takes on disk, less than its size where it has holes."""

    member: str
    path: str
    kind: EntryKind
    mode: int
    mtime_ns: int
    uid: int
    gid: int
    size_bytes: int
    allocated_bytes: int
    database: bool
    source: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """How much a backup will hold, before compression."""

    files: int
    size_bytes: int


def walk(sources: Sequence[Source]) -> Iterator[Found | Skipped]:
    """All paths of all sources in the archive's order, and what cannot be in an archive (sockets, pipes, devices).

    Nothing is remembered of what went by, so a tree of any size may be walked. An SQLite database is known by its
    first 16 bytes; its -wal, -shm and -journal are left out, since its capture holds what is in them. Raises
    UsageError for a source that cannot be used, MobiusError for an unreadable path or a name that is not UTF-8.
    """
    _refuse_unusable(sources)
    streams = [_of_source(number, source) for number, source in enumerate(sources)]
    return _without_clashes(heapq.merge(*streams, key=_order))


def estimate(sources: Sequence[Source]) -> Estimate:
    """Count files and bytes, reading only what tells a database: an upper bound of what the archive needs."""
    files = size_bytes = 0
    for found in walk(sources):
        if isinstance(found, Found) and found.kind == "file":
            files += 1
            size_bytes += found.size_bytes
            if not os.access(found.path, os.R_OK):
                raise unreadable(found.path, PermissionError(None, "Permission denied"))
    return Estimate(files, size_bytes)


def unreadable(path: str | Path, error: OSError) -> MobiusError:
    hint = "let this user read it, or exclude it"
    if error.errno == errno.EIO:
        hint = "check the disk it is on (dmesg, smartctl), or exclude it"
    return MobiusError(f"{path} cannot be backed up: {error.strerror or error}", hint)


def went_away(found: Found) -> Skipped:
    return Skipped(found.member, "went away while the tree was read")


def order_of(member: str) -> str:
    """What the archive is sorted by: a folder before what it holds, then by bytes (UTF-8's order is that of its
    characters)."""
    return member.replace("/", "\0")


def _order(found: Found | Skipped) -> str:
    return order_of(found.member if isinstance(found, Found) else found.path)


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


def _of_source(number: int, source: Source) -> Iterator[Found | Skipped]:
    top = os.path.realpath(source.path)  # it is followed, because somebody named it
    seen = _look(source.prefix, top, number)
    yield seen
    if not (isinstance(seen, Found) and seen.kind == "directory"):
        return
    excludes = Excludes.of(source.exclude)
    # Where we are: a folder in the tree, its path below the source, and the names in it that are still to come.
    stack = [(top, "", _names(top))]
    while stack:
        folder, relative, names = stack[-1]
        name = next(names, None)
        if name is None:
            stack.pop()
            continue
        below = relative + name
        path = f"{folder}/{name}"
        if excludes.match(below, name) or _is_companion(folder, relative, name, excludes):
            continue
        seen = _look(f"{source.prefix}/{below}", path, number)
        yield seen
        if isinstance(seen, Found) and seen.kind == "directory":
            if len(stack) >= _DEEPEST - source.prefix.count("/") - 1:
                raise MobiusError(
                    f"{path} cannot be backed up: its folder is the {_DEEPEST}th below another",
                    "exclude it; it looks like a mistake of the program that made it",
                )
            stack.append((path, below + "/", _names(path)))


def _names(folder: str) -> Iterator[str]:
    try:
        return sorted_names(folder)
    except FileNotFoundError:
        return iter(())  # removed since its own folder was listed, as if it had been empty
    except OSError as error:
        raise unreadable(folder, error) from error


def _is_companion(folder: str, relative: str, name: str, excludes: Excludes) -> bool:
    for suffix in COMPANIONS:
        if name.endswith(suffix):
            base = name.removesuffix(suffix)
            return (
                bool(base) and not excludes.match(relative + base, base) and _is_database(f"{folder}/{base}")
            )
    return False


def _is_database(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode) and is_sqlite(Path(path))
    except OSError:
        return False


def _look(member: str, path: str, source: int) -> Found | Skipped:
    if not member.isascii():
        _refuse_undecodable(member)
    try:
        seen = os.lstat(path)
        kind = stat.S_IFMT(seen.st_mode)
        if kind == stat.S_IFREG:
            size, database = seen.st_size, False
            if size and size % _SMALLEST_PAGE_BYTES == 0 and is_sqlite(Path(path)):
                size, database = _database_bytes(path, seen), True
            return _found(member, path, "file", seen, size, database, source)
        if kind == stat.S_IFDIR:
            return _found(member, path, "directory", seen, 0, False, source)
        if kind == stat.S_IFLNK:
            return _found(member, path, "symlink", seen, 0, False, source)
    except FileNotFoundError:
        return Skipped(member, "went away while the tree was read")
    except OSError as error:
        raise unreadable(path, error) from error
    return Skipped(member, _SPECIAL.get(kind, "neither file, directory nor link"))


def _found(
    member: str, path: str, kind: EntryKind, seen: os.stat_result, size: int, database: bool, source: int
) -> Found:
    allocated = size if database else min(size, getattr(seen, "st_blocks", size) * 512)
    return Found(
        member, path, kind, kept_mode(seen.st_mode), seen.st_mtime_ns, seen.st_uid, seen.st_gid,
        size, allocated, database, source,
    )  # fmt: skip


def kept_mode(mode: int) -> int:
    """The bits of a mode that a backup keeps: of a file not set-uid; of a folder also set-gid and sticky, which mean
    something where it is shared."""
    return stat.S_IMODE(mode) & (0o3777 if stat.S_ISDIR(mode) else 0o777)


def _database_bytes(path: str, seen: os.stat_result) -> int:
    """The copy may be as large as the file and what its write-ahead log adds."""
    try:
        return seen.st_size + Path(f"{path}-wal").stat().st_size
    except OSError:
        return seen.st_size


_SPECIAL = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a pipe",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


def _refuse_undecodable(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise MobiusError(
            f"{os.fsencode(name)!r} cannot be backed up: its name is not UTF-8", "rename it, or exclude it"
        ) from error


def _without_clashes(stream: Iterator[Found | Skipped]) -> Iterator[Found | Skipped]:
    """The stream as it is, or UsageError where two sources meet: what is below a path comes right behind it."""
    leaf: Found | None = None
    last: Found | None = None
    for each in stream:
        if isinstance(each, Skipped):
            yield each
            continue
        if last is not None and last.member == each.member:
            raise UsageError(
                f"{last.path} and {each.path} would both be {each.member} in the backup",
                "give each path of backup.paths its own place",
            )
        if leaf is not None and each.member.startswith(leaf.member + "/"):
            raise UsageError(
                f"{each.path} would be below {leaf.path}, which is not a directory, in the backup",
                "give each path of backup.paths its own place",
            )
        last = each
        if each.kind != "directory":
            leaf = each
        yield each
