"""A tree that is being restored: every path opened from its own folder, no link ever followed, nothing overwritten."""

from __future__ import annotations

import base64
import contextlib
import errno
import functools
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from mobius.archive.zip_in_lines import Entry
from mobius.errors import BackupInvalid

_FOLDER = (
    os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
)
_NEW = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_BY_FOLDER = os.open in os.supports_dir_fd and os.mkdir in os.supports_dir_fd
_NOT_ALLOWED = (errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EINVAL, errno.E2BIG, errno.ENOENT)


class Tree:
    """The tree below `root`, which is ours alone. Files may be made and written from several threads at once.

    `trusted` restores extended attributes that give rights (`security.*`, `trusted.*`) too. `lost` counts what this
    user, or this file system, cannot restore.
    """

    def __init__(self, root: Path, *, trusted: bool) -> None:
        self.root = root
        self.lost: Counter[str] = Counter()
        self._trusted = trusted
        self._here = threading.local()
        self._open: set[int] = set()
        self._lock = threading.Lock()
        self._root_fd = os.open(root, _FOLDER) if _BY_FOLDER else -1

    def close(self) -> None:
        """Close whatever is open still, also after a failure."""
        for fd in [*self._open, *([self._root_fd] if self._root_fd >= 0 else [])]:
            with contextlib.suppress(OSError):
                os.close(fd)
        self._open.clear()
        self._root_fd = -1

    # -- making ---------------------------------------------------------------------------------------------------

    def make_folder(self, path: str) -> None:
        """A folder, and those on the way to it that are not there yet; private until `finish`."""
        try:
            self._mkdir(path, 0o700)
        except FileNotFoundError:
            self.make_parents(path)
            self._mkdir(path, 0o700)

    def make_parents(self, path: str) -> None:
        """The folders on the way to `path`, where the archive does not name them itself."""
        cut = path.find("/")
        while cut >= 0:
            with contextlib.suppress(FileExistsError):
                self._mkdir(path[:cut], 0o755)
            cut = path.find("/", cut + 1)

    def _mkdir(self, path: str, mode: int) -> None:
        if not _BY_FOLDER:
            self._place(path).mkdir(mode=mode)
            return
        folder, name = self._parent(path)
        os.mkdir(name, mode, dir_fd=folder)

    def create(self, path: str) -> int:
        """A new, private file, open for writing; its folder is there. Close it by `finish`."""
        if _BY_FOLDER:
            folder, name = self._parent(path)
            fd = os.open(name, _NEW, 0o600, dir_fd=folder)
        else:
            fd = os.open(self._place(path), _NEW, 0o600)
        self._open.add(fd)
        return fd

    def finish(self, fd: int, entry: Entry) -> None:
        """Give the open file its owner, attributes, mode and time, and close it."""
        self._open.discard(fd)
        try:
            self._restore(fd, entry)
        finally:
            os.close(fd)

    def link(self, first: str, entry: Entry) -> None:
        """A hard link to a file that was written; before any symlink is."""
        if not _BY_FOLDER:
            self._place(entry.path).hardlink_to(self._place(first))
            return
        source, source_name = self._parent(first)
        with self._walked(entry.path.rpartition("/")[0]) as folder:
            name = entry.path.rpartition("/")[2]
            os.link(source_name, name, src_dir_fd=source, dst_dir_fd=folder, follow_symlinks=False)

    def finish_folders(self, entries: Iterable[Entry]) -> None:
        """Make the symlinks, and finish each folder when nothing below it is to be done any more.

        `entries` come in the archive's order, so that one folder for each level is open.
        """
        stack: list[tuple[str, int, Entry | None]] = []
        try:
            for entry in entries:
                if entry.kind == "file":
                    continue
                while stack and not entry.path.startswith(stack[-1][0]):
                    self._leave(stack.pop())
                self._descend(stack, entry.path.rpartition("/")[0])
                self._finish_one(stack, entry)
            while stack:
                self._leave(stack.pop())
        finally:
            for _, fd, _ in stack:
                if fd >= 0:
                    os.close(fd)

    def _descend(self, stack: list[tuple[str, int, Entry | None]], folder: str) -> None:
        """Open the folders that the archive does not name itself."""
        here = stack[-1][0] if stack else ""
        while len(here) < len(folder) + 1 and folder:
            cut = folder.find("/", len(here))
            path = folder if cut < 0 else folder[:cut]
            stack.append((path + "/", self._sub(stack, path), None))
            here = path + "/"

    def _finish_one(self, stack: list[tuple[str, int, Entry | None]], entry: Entry) -> None:
        name = entry.path.rpartition("/")[2]
        _refuse_climbing(name)
        if entry.kind == "directory":
            stack.append((entry.path + "/", self._sub(stack, entry.path), entry))
        elif _BY_FOLDER:
            folder = stack[-1][1] if stack else self._root_fd
            os.symlink(entry.link_target, name, dir_fd=folder)
            self._restore_link(folder, name, entry)
        else:
            place = self._place(entry.path)
            place.symlink_to(entry.link_target)
            if os.utime in os.supports_follow_symlinks:
                os.utime(place, ns=(entry.mtime_ns, entry.mtime_ns), follow_symlinks=False)

    def _sub(self, stack: list[tuple[str, int, Entry | None]], path: str) -> int:
        if not _BY_FOLDER:
            return -1
        folder = stack[-1][1] if stack else self._root_fd
        _refuse_climbing(path.rpartition("/")[2])
        return os.open(path.rpartition("/")[2], _FOLDER, dir_fd=folder)

    def _leave(self, level: tuple[str, int, Entry | None]) -> None:
        path, fd, entry = level
        try:
            if entry is None:
                return
            if fd >= 0:
                self._restore(fd, entry)
            else:
                place = self.root / path
                place.chmod(entry.mode & 0o3777)
                os.utime(place, ns=(entry.mtime_ns, entry.mtime_ns))
        finally:
            if fd >= 0:
                os.close(fd)

    # -- opening --------------------------------------------------------------------------------------------------

    def _parent(self, path: str) -> tuple[int, str]:
        """The open folder that `path` lies in, kept for this thread's next file, and the name in it."""
        folder, _, name = path.rpartition("/")
        _refuse_climbing(name)
        if not folder:
            return self._root_fd, name
        kept: tuple[str, int] | None = getattr(self._here, "folder", None)
        if kept is not None and kept[0] == folder:
            return kept[1], name
        if kept is not None:
            del self._here.folder
            self._open.discard(kept[1])
            os.close(kept[1])
        fd = self._open_folder(folder)
        self._open.add(fd)
        self._here.folder = (folder, fd)
        return fd, name

    def _place(self, path: str) -> Path:
        """Where folders cannot be opened, by its whole path."""
        for part in path.split("/"):
            _refuse_climbing(part)
        return self.root / path

    @contextlib.contextmanager
    def _walked(self, folder: str) -> Iterator[int]:
        if not folder:
            yield self._root_fd
            return
        fd = self._open_folder(folder)
        try:
            yield fd
        finally:
            os.close(fd)

    def _open_folder(self, folder: str) -> int:
        """Step by step, so that no step follows a link."""
        fd = self._root_fd
        for part in folder.split("/"):
            try:
                _refuse_climbing(part)
                deeper = os.open(part, _FOLDER, dir_fd=fd)
            finally:
                if fd != self._root_fd:
                    os.close(fd)
            fd = deeper
        return fd

    # -- what is not content --------------------------------------------------------------------------------------

    def _restore(self, fd: int, entry: Entry) -> None:
        if _may_give_away():
            os.fchown(fd, *_owner(entry))
        else:
            self._note_owner(entry)
        for name, value in entry.xattrs.items():
            self._restore_xattr(fd, name, value)
        # Set-uid does not belong in a backup of a service; set-gid and sticky mean something on a shared folder.
        mode = entry.mode & (0o3777 if entry.kind == "directory" else 0o777)
        if sys.platform != "win32":
            os.fchmod(fd, mode)
        if os.utime in os.supports_fd:
            os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))

    def _restore_link(self, folder: int, name: str, entry: Entry) -> None:
        if _may_give_away():
            os.chown(name, *_owner(entry), dir_fd=folder, follow_symlinks=False)
        else:
            self._note_owner(entry)
        for attribute, value in entry.xattrs.items():
            # There is no setxattr by folder and name; this is the same place, whatever is renamed meanwhile.
            self._restore_xattr(f"/proc/self/fd/{folder}/{name}", attribute, value)
        os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=folder, follow_symlinks=False)

    def _note_owner(self, entry: Entry) -> None:
        if sys.platform != "win32" and (entry.uid, entry.gid) != (os.geteuid(), os.getegid()):
            self._lose("owner(s): only root may give files to others")

    def _restore_xattr(self, place: int | str, name: str, value: str) -> None:
        gives_rights = name.startswith(("security.", "trusted."))
        if not hasattr(os, "setxattr") or (gives_rights and not self._trusted):
            self._lose(f"extended attribute(s) {name.partition('.')[0]}.*")
            return
        try:
            raw = base64.b64decode(value)
            if isinstance(place, int):
                os.setxattr(place, name, raw)
            else:
                os.setxattr(place, name, raw, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NOT_ALLOWED:
                raise
            self._lose(f"extended attribute(s) {name.partition('.')[0]}.*")

    def _lose(self, what: str) -> None:
        with self._lock:
            self.lost[what] += 1


def _refuse_climbing(part: str) -> None:
    """The last guard: an archive was judged before, but somebody may write to it while it is read."""
    if part in ("", ".", "..") or "/" in part or (os.altsep or "/") in part or os.sep in part:
        raise BackupInvalid(f"it is not safe to extract: {part!r} is no name of a file")


def _may_give_away() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0


def _owner(entry: Entry) -> tuple[int, int]:
    return _user(entry.user, entry.uid), _group(entry.group, entry.gid)


@functools.lru_cache(maxsize=256)
def _user(name: str, number: int) -> int:
    """By name where this machine knows it, as tar does; else by number."""
    import pwd

    try:
        return pwd.getpwnam(name).pw_uid if name else number
    except KeyError:
        return number


@functools.lru_cache(maxsize=256)
def _group(name: str, number: int) -> int:
    import grp

    try:
        return grp.getgrnam(name).gr_gid if name else number
    except KeyError:
        return number
