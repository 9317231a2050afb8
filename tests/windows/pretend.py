"""A child that believes it runs on Windows, as far as Linux can pretend: `pretend.py COMMAND…`, or `import NAME…`.

What Windows lacks is taken away after the standard library and the dependencies were loaded for this system, and before
anything of mobius is: modules, functions, signals, flags, Unix sockets. Paths stay those of this system.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import multiprocessing.pool
import os
import shutil
import signal
import socket
import subprocess
import sys
import types
import unittest.mock
from collections.abc import Sequence
from typing import Any

MODULES = {"fcntl", "pwd", "grp", "resource", "termios", "tty", "pty", "syslog", "readline", "crypt", "spwd"}
SIGNALS = (
    *(
        "SIGKILL",
        "SIGHUP",
        "SIGQUIT",
        "SIGUSR1",
        "SIGUSR2",
        "SIGCHLD",
        "SIGALRM",
        "SIGPIPE",
        "SIGCONT",
        "SIGSTOP",
    ),
    *("SIGTSTP", "SIGWINCH", "pthread_sigmask", "setitimer", "sigwait", "sigtimedwait", "siginterrupt"),
)
OF_OS = (
    *(
        "fork",
        "forkpty",
        "getuid",
        "geteuid",
        "getgid",
        "getegid",
        "getgroups",
        "getgrouplist",
        "setuid",
        "setgid",
    ),
    *(
        "setgroups",
        "initgroups",
        "setsid",
        "getsid",
        "getpgid",
        "setpgid",
        "killpg",
        "fchown",
        "chown",
        "lchown",
    ),
    *("O_NOFOLLOW", "O_DIRECTORY", "O_CLOEXEC", "O_NONBLOCK", "O_PATH", "O_NOATIME", "O_SYNC", "O_DSYNC"),
    *(
        "statvfs",
        "fstatvfs",
        "uname",
        "mkfifo",
        "mknod",
        "nice",
        "getpriority",
        "setpriority",
        "pread",
        "pwrite",
    ),
    *(
        "preadv",
        "pwritev",
        "posix_fadvise",
        "posix_fallocate",
        "sendfile",
        "WNOHANG",
        "waitid",
        "wait4",
        "fdatasync",
    ),
    *("sync", "getloadavg", "sysconf", "copy_file_range", "memfd_create", "pipe2", "getxattr", "setxattr"),
    *(
        "listxattr",
        "sched_getaffinity",
        "sched_setaffinity",
        "sched_yield",
        "pidfd_open",
        "splice",
        "confstr",
    ),
)
OF_SOCKET = (
    "AF_UNIX",
    "SO_REUSEPORT",
    "SO_PEERCRED",
    "SCM_RIGHTS",
    "CMSG_LEN",
    "MSG_NOSIGNAL",
    "MSG_DONTWAIT",
)
THIRD = (
    *("click", "msgspec", "httptools", "jinja2", "psutil", "yaml", "isal", "cryptography.hazmat.primitives"),
    *("prometheus_client", "asyncio", "concurrent.futures", "http.server", "http.client", "ssl", "sqlite3"),
    *("zipfile", "tarfile", "tempfile", "shutil", "selectors", "getpass", "platform", "uuid", "webbrowser"),
)


class _Hidden:
    """Finds first, and says of each module that Windows lacks that there is none."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def pretend() -> None:
    """From here on this process is on Windows."""
    assert multiprocessing.pool and unittest.mock and subprocess and importlib.metadata
    for name in THIRD:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for name in MODULES:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, _Hidden())  # type: ignore[arg-type]
    # This system's own subprocess needs them: only mobius must not.
    subprocess.signal = _copy_of(signal)  # type: ignore[attr-defined]
    subprocess.os = shutil.os = _copy_of(os)  # type: ignore[attr-defined]
    os.environ.setdefault("USERNAME", "ann")
    really_open = os.open
    os.open = lambda path, *more, **named: really_open(_none_of_proc(path), *more, **named)
    for module, names in ((signal, SIGNALS), (os, OF_OS), (socket, OF_SOCKET)):
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    sys.modules["msvcrt"] = _msvcrt()
    sys.platform = "win32"


def _copy_of(module: types.ModuleType) -> types.ModuleType:
    made = types.ModuleType(module.__name__)
    made.__dict__.update(module.__dict__)
    return made


def _none_of_proc(path: Any) -> Any:
    if str(path).startswith(("/proc/", "/sys/")):
        raise FileNotFoundError(2, "No such file or directory", str(path))
    return path


def _msvcrt() -> types.ModuleType:
    made: Any = types.ModuleType("msvcrt")
    made.get_osfhandle = lambda file: file
    made.locking = lambda file, mode, size: None
    made.LK_LOCK, made.LK_NBLCK, made.LK_UNLCK = 1, 2, 0
    made.setmode = lambda file, mode: mode
    made.kbhit = lambda: False
    return made


class Kernel32:
    """LockFileEx and UnlockFileEx over this process's own notes: one handle, one byte, exclusive or shared."""

    def __init__(self) -> None:
        self.held: dict[tuple[int, int], dict[int, bool]] = {}  # by file: handle to exclusive
        self.error = 0
        self.asked: list[tuple[int, int, int]] = []

    def LockFileEx(self, handle: int, flags: int, reserved: int, low: int, high: int, at: Any) -> int:
        where = at._obj
        self.asked.append((flags, low, where.Offset + (where.OffsetHigh << 32)))
        assert (reserved, high) == (0, 0)
        holders = self.held.setdefault(self._file(handle), {})
        exclusive = bool(flags & 2)
        if holders and (exclusive or any(holders.values())):
            self.error = 33
            return 0
        holders[handle] = exclusive
        return 1

    def UnlockFileEx(self, handle: int, reserved: int, low: int, high: int, at: Any) -> int:
        if self.held.get(self._file(handle), {}).pop(handle, None) is None:
            self.error = 158
            return 0
        return 1

    def _file(self, handle: int) -> tuple[int, int]:
        seen = os.fstat(handle)
        return seen.st_dev, seen.st_ino


def with_locks(kernel32: Kernel32) -> None:
    """mobius locks by this library."""
    from mobius.host import file_lock_windows as windows

    windows._kernel32 = lambda: kernel32  # type: ignore[assignment]
    windows._handle_of = lambda file: file
    windows._last_error = lambda: kernel32.error


def main(words: Sequence[str]) -> int:
    pretend()
    if words[:1] == ["import"]:
        return _import(words[1:])
    with_locks(Kernel32())
    from mobius.cli.main import run

    return run(words)


def _import(names: Sequence[str]) -> int:
    """How many could not be imported; each is named."""
    failed = 0
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException as problem:
            failed += 1
            print(f"{name}: {type(problem).__name__}: {problem}")
    return min(failed, 100)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
