"""Where commands that came over a line are found again: one lock a command, held for as long as it lives."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from mobius.errors import MobiusError
from mobius.host.protocol import find_socket, place_socket

FORGET_AFTER_S = 86_400.0
CONNECT_S = 4.0


@dataclass(frozen=True, slots=True)
class Shelter:
    """The folder of this user's commands, and the one command that `token` names."""

    folder: Path
    token: str

    def claim(self) -> int | None:
        """An open file with the command's lock, for whoever may begin it or finds it dead; None while it lives. A
        child that is forked keeps the lock for as long as it lives, too."""
        import fcntl

        file = os.open(self.folder / self.token, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        return file

    def listen(self) -> socket.socket:
        """The socket on which the command is reached by whoever comes after. Raises OSError or `MobiusError`."""
        place = place_socket(self.folder, self._name)
        place.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(place))
            listener.listen(8)
        except OSError:
            listener.close()
            raise
        return listener

    def reach(self, within_s: float = CONNECT_S) -> socket.socket | None:
        """A connection to the command; None when it is not there any more. Raises `MobiusError` when it lives and
        cannot be reached."""
        until = time.monotonic() + within_s
        while True:
            line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                line.connect(str(find_socket(self.folder, self._name)))
                return line
            except OSError as problem:
                line.close()
                if (file := self.claim()) is not None:
                    os.close(file)
                    return None
                if time.monotonic() > until:
                    raise MobiusError(
                        f"the command that was begun over the line lives, and cannot be reached: {problem.strerror}",
                        "look what became of it: mobius status",
                    ) from problem
            time.sleep(0.05)

    def leave(self) -> None:
        """Nobody comes here any more; the lock's file stays for a day, so that nothing is begun twice."""
        with contextlib.suppress(OSError, MobiusError):
            find_socket(self.folder, self._name).unlink(missing_ok=True)
            (self.folder / self._name).unlink(missing_ok=True)

    @property
    def _name(self) -> str:
        return f"{self.token}.sock"


def shelter(token: str) -> Shelter | None:
    """The place of this command, in a private folder of this user; None where no such folder can be made."""
    state = os.environ.get("XDG_STATE_HOME", "")
    home = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    elsewhere = Path(os.environ.get("TMPDIR") or "/tmp")
    for folder in (home / "mobius" / "lines", elsewhere / f"mobius-lines-{os.getuid()}"):
        with contextlib.suppress(OSError, RuntimeError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            found = folder.lstat()
            if found.st_uid != os.getuid() or found.st_mode & 0o077 or folder.is_symlink():
                continue
            _forget_older(folder)
            return Shelter(folder, token)
    return None


def _forget_older(folder: Path) -> None:
    """What was left by commands of days ago; a file whose lock is held is left alone."""
    import fcntl

    before = time.time() - FORGET_AFTER_S
    for file in folder.iterdir():
        with contextlib.suppress(OSError):
            if file.lstat().st_mtime > before:
                continue
            if file.suffix == ".sock":
                continue  # goes with its lock
            with file.open("rb") as opened:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                (folder / f"{file.name}.sock").unlink(missing_ok=True)
                file.unlink()
