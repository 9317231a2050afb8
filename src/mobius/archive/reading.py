"""Reading one path of a source tree as it is at one moment: content, holes, extended attributes and owner."""

from __future__ import annotations

import base64
import errno
import functools
import os
import stat
import sys
import threading
from pathlib import Path

from mobius.errors import MobiusError

# A pipe that took the file's place would block the open for ever; a link could lead anywhere.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_NO_XATTRS = (errno.ENOTSUP, errno.ENOSYS, errno.EPERM, errno.EINVAL)
_MOST_HOLES = 10_000
_HAS_XATTRS = hasattr(os, "listxattr")
_one_position = threading.Lock()  # where a read has to move the file's own position


class Changed(Exception):
    """The file is not the one that we began to read."""


def open_unfollowed(path: str) -> int:
    """A descriptor of the file at `path`; Changed when it has become a link."""
    try:
        return os.open(path, _FLAGS)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Changed from error
        raise


def identity(seen: os.stat_result) -> tuple[int, int, int]:
    """What differs after every change of a file's content or attributes."""
    return seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def regular(fd: int) -> os.stat_result:
    """What is known of the open file; Changed when it is no regular file any more."""
    seen = os.fstat(fd)
    if not stat.S_ISREG(seen.st_mode):
        raise Changed
    return seen


def read_into(fd: int, view: memoryview, at: int) -> int:
    """Fill `view` from offset `at` of a file as far as it goes, from any thread; returns how many bytes."""
    got = 0
    while got < len(view):
        if hasattr(os, "preadv"):
            more = os.preadv(fd, [view[got:]], at + got)
        else:
            with _one_position:
                os.lseek(fd, at + got, os.SEEK_SET)
                piece = os.read(fd, len(view) - got)
            more = len(piece)
            view[got : got + more] = piece
        if not more:
            break
        got += more
    return got


def read_at(fd: int, size: int, at: int) -> bytes:
    """Up to `size` bytes from offset `at`, fewer only at the end of the file."""
    if hasattr(os, "pread"):
        content = os.pread(fd, size, at)
        if len(content) == size or not content:
            return content
    buffer = bytearray(size)
    return bytes(buffer[: read_into(fd, memoryview(buffer), at)])


def holes_of(fd: int, seen: os.stat_result) -> list[tuple[int, int]]:
    """The regions (offset, length) without content on disk, in order; none where the system does not tell.

    At most 10,000: of a file that has more, the smaller ones are forgotten, which costs space and no content.
    """
    if getattr(seen, "st_blocks", seen.st_size) * 512 >= seen.st_size or not hasattr(os, "SEEK_HOLE"):
        return []
    holes: list[tuple[int, int]] = []
    at = 0
    while at < seen.st_size:
        data = _seek(fd, at, os.SEEK_DATA, seen.st_size)
        if data > at:
            holes.append((at, data - at))
            if len(holes) > 2 * _MOST_HOLES:
                holes = _largest(holes)
        if data >= seen.st_size:
            break
        at = _seek(fd, data, os.SEEK_HOLE, seen.st_size)
    return _largest(holes)


def xattrs_of(place: int | str) -> dict[str, str]:
    """The extended attributes (ACLs are among them) by name, in base64; of a link itself, not what it names."""
    if not _HAS_XATTRS:
        return {}
    follow = isinstance(place, int)
    try:
        names = os.listxattr(place, follow_symlinks=follow)
        return {name: _xattr(place, name, follow) for name in sorted(names)} if names else {}
    except OSError as error:
        if error.errno in _NO_XATTRS:
            return {}
        if error.errno == getattr(errno, "ENODATA", None):
            raise Changed from error
        raise


@functools.lru_cache(maxsize=1024)
def user_name(uid: int) -> str:
    """The user's name, or "" where this machine has none for the number."""
    if sys.platform == "win32":
        return ""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


@functools.lru_cache(maxsize=1024)
def group_name(gid: int) -> str:
    """The group's name, or "" where this machine has none for the number."""
    if sys.platform == "win32":
        return ""
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""


def read_link(path: str) -> bytes:
    """The target of a symlink; Changed when it is none any more, MobiusError when it is not UTF-8."""
    try:
        target = os.fsencode(Path(path).readlink())
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise Changed from error
        raise
    try:
        target.decode()
    except UnicodeDecodeError as error:
        raise MobiusError(
            f"{path} cannot be backed up: the name it links to, {target!r}, is not UTF-8",
            "make the link anew, or exclude it",
        ) from error
    return target


def _xattr(place: int | str, name: str, follow: bool) -> str:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        where = place if isinstance(place, str) else Path(f"/proc/self/fd/{place}").readlink()
        raise MobiusError(
            f"{where} cannot be backed up: it has an attribute whose name is not UTF-8",
            "remove the attribute (setfattr -x), or exclude the file",
        ) from error
    return base64.b64encode(os.getxattr(place, name, follow_symlinks=follow)).decode()


def _seek(fd: int, at: int, how: int, end: int) -> int:
    try:
        return min(os.lseek(fd, at, how), end)
    except OSError as error:
        if error.errno == errno.ENXIO:  # nothing but a hole up to the end
            return end
        raise


def _largest(holes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    if len(holes) <= _MOST_HOLES:
        return holes
    return sorted(sorted(holes, key=lambda hole: -hole[1])[:_MOST_HOLES])
