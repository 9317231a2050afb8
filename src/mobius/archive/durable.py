"""Making writes stay written: fsync of files, folders and trees, folder locks, free space, and words for a
full disk.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from mobius.errors import MobiusError

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)
_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextlib.contextmanager
def in_words(doing: str, folder: Path) -> Iterator[None]:
    """Turn an OSError into a MobiusError that says what could not be done, where, and what to do now.

    `doing` begins the message, as in "the backup dhash_20240601.zip could not be written".
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            why, hint = (
                f"the disk below {folder} is full ({_free(folder)} free)",
                f"free some space below {folder}, or choose another folder; nothing was published",
            )
        elif error.errno in _NOT_WRITABLE:
            at = error.filename or folder
            why, hint = f"permission denied: {os.fspath(at)}", f"let this user read and write {os.fspath(at)}"
        elif error.errno == errno.EIO:
            why, hint = f"the disk below {folder} failed: {error}", "look what it says: dmesg, smartctl"
        else:
            why, hint = str(error), ""
        raise MobiusError(f"{doing}: {why}", hint) from error


def require_free_disk(folder: Path, needed_bytes: int, purpose: str) -> None:
    """Raise MobiusError unless the disk of `folder` has `needed_bytes` free; `purpose` says for what."""
    free = shutil.disk_usage(folder).free
    if free >= needed_bytes:
        return
    raise MobiusError(
        f"not enough disk for {purpose}: {human(needed_bytes)} needed, {human(free)} free below {folder}",
        f"free at least {human(needed_bytes - free)} there, or choose another folder",
    )


def human(size_bytes: int) -> str:
    """`1536` as `1.5 KiB`."""
    size = float(size_bytes)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


@contextlib.contextmanager
def folder_locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, for short steps. The kernel frees it when its holder dies."""
    fd = _lock_folder(folder)
    try:
        yield
    finally:
        os.close(fd)


def _lock_folder(folder: Path) -> int:
    if sys.platform != "win32":
        fd = os.open(folder, os.O_RDONLY)
        try:
            lock_file(fd, wait=True)
            return fd
        except OSError:  # NFS locks only what is open for writing
            os.close(fd)
    fd = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    lock_file(fd, wait=True)
    return fd


def lock_file(fd: int, *, wait: bool) -> bool:
    """Lock an open file until it is closed; without `wait`, False when somebody else has it."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(fd, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable (a rename is not, before this)."""
    if sys.platform == "win32":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_tree(root: Path) -> None:
    """Make a whole tree durable: one syncfs where the kernel has it, else an fsync for each path."""
    if _syncfs(root):
        return
    for folder, _, names in os.walk(root, topdown=False):
        for name in names:
            path = Path(folder, name)
            if not stat.S_ISREG(path.lstat().st_mode):
                continue
            # Windows can flush only what is open for writing.
            with path.open("r+b" if sys.platform == "win32" else "rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(folder))


def drop_cache(fd: int) -> None:
    """Ask that the next read comes from the disk; without this the page cache would vouch for itself."""
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


@functools.cache
def libc() -> ctypes.CDLL | None:
    """The C library on Linux, else None."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL(None, use_errno=True)
    except OSError:
        return None


def _syncfs(root: Path) -> bool:
    call = getattr(libc(), "syncfs", None)
    if call is None:
        return False
    fd = os.open(root, os.O_RDONLY)
    try:
        if call(fd) == 0:
            return True
        number = ctypes.get_errno()
        if number in (errno.ENOSYS, errno.EINVAL):
            return False
        raise OSError(number, os.strerror(number), str(root))
    finally:
        os.close(fd)


def _free(folder: Path) -> str:
    try:
        return human(shutil.disk_usage(folder).free)
    except OSError:
        return "an unknown amount"
