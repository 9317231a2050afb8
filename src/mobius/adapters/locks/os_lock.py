"""The lock of one environment on one machine: the system lets go of it the moment its process is gone."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from mobius.errors import Locked, MobiusError
from mobius.host.file_lock import lock, unlock

PATIENCE_S = (
    2.0  # for those who only look: they share the lock for microseconds, unless put to sleep meanwhile
)
TRIES_FOR_WORDS = 5  # whoever has just taken it is about to write who they are
BETWEEN_TRIES_S = 0.01
NAMELESS = "somebody who has not said who"


class OsLock:
    """A lock on the file at `path`; the file stays, and holds the words of whoever has it. `what` is locked.

    A stopped process keeps it, a killed one loses it at once, and no child inherits it. Local disks only: on
    network file systems locks may promise nothing.
    """

    def __init__(self, path: Path, what: str = "") -> None:
        self.path = path
        self._what = what or str(path)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Holds the lock inside the `with`. Raises `Locked` at once, naming the holder, when another has
        it, and `MobiusError` when the file cannot be made."""
        file = self._taken()
        try:
            _write(file, whoami(time.time()))
            yield
        finally:
            _write(file, "")
            unlock(file)  # not only closed: a forked child may share the open file
            os.close(file)

    def holder(self) -> str:
        """Who holds it now, or "" when nobody does. Creates nothing."""
        try:
            file = os.open(self.path, os.O_RDONLY)
        except OSError:
            return ""  # never made, or not for us to see
        try:
            if lock(file, shared=True):
                unlock(file)
                return ""
            return _read(file) or NAMELESS
        finally:
            os.close(file)

    def _taken(self) -> int:
        tries, patient_until = 0, time.monotonic() + PATIENCE_S
        while True:
            file = self._opened()
            if lock(file, shared=False):
                if self._is_at_path(file):
                    return file
                unlock(file)  # somebody removed the file while we were opening it
            only_looked_at = lock(file, shared=True)
            words = _read(file)
            os.close(file)
            tries += 1
            is_held = not only_looked_at and (words or tries > TRIES_FOR_WORDS)
            if is_held or time.monotonic() > patient_until:
                raise Locked(
                    f"{self._what} is locked: {words or NAMELESS}",
                    "look on with `mobius status`; the lock goes when that process does",
                )
            time.sleep(BETWEEN_TRIES_S)

    def _opened(self) -> int:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise MobiusError(
                f"the lock {self.path} cannot be opened: {error.strerror or error}",
                "check the folder's owner, mode and free space",
            ) from error

    def _is_at_path(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), self.path.stat())
        except FileNotFoundError:
            return False


def whoami(since: float) -> str:
    """The words for whoever finds it locked: user@host (pid N) since when."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = str(os.getuid()) if hasattr(os, "getuid") else "somebody"
    when = datetime.fromtimestamp(since).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
    return f"{user}@{socket.gethostname()} (pid {os.getpid()}) since {when}"


def _write(file: int, words: str) -> None:
    """The words are for people: a full disk keeps them out, and nobody from going back."""
    with contextlib.suppress(OSError):
        os.ftruncate(file, 0)
        os.lseek(file, 0, os.SEEK_SET)
        os.write(file, words.encode())


def _read(file: int) -> str:
    os.lseek(file, 0, os.SEEK_SET)
    return os.read(file, 1000).decode(errors="replace").strip()
