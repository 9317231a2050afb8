"""What systemd hands to a service of ours and wants to hear of it: listening sockets, READY=1, the watchdog."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import MutableMapping
from typing import Any

FIRST_FD = 3
KEPT_NOTIFY, KEPT_WATCHDOG = (
    "MOBIUS_HOST_NOTIFY",
    "MOBIUS_HOST_WATCHDOG_US",
)  # MOBIUS_* is never handed to children

_handed: list[socket.socket] = []


def take_handed_sockets(environ: MutableMapping[str, str] = os.environ) -> list[socket.socket]:
    """The listening sockets that systemd opened for this process, which keeps them to itself from now on; none where
    it was not started by a socket unit."""
    count = environ.pop("LISTEN_FDS", "")
    meant = environ.pop("LISTEN_PID", "") == str(os.getpid())
    environ.pop("LISTEN_FDNAMES", None)
    if not meant or not count.isdigit():
        return []
    for fd in range(FIRST_FD, FIRST_FD + int(count)):
        os.set_inheritable(fd, False)
        line = socket.socket(fileno=fd)
        line.setblocking(False)
        _handed.append(line)
    return list(_handed)


def handed_socket(address: Any) -> socket.socket | None:
    """A listening socket of our own on what systemd handed for this address, or None. It may be closed: the one
    that was handed stays, so that the next door of this supervisor finds it again."""
    for line in _handed:
        if line.getsockname()[:2] == tuple(address)[:2]:
            again = line.dup()
            again.setblocking(False)
            return again
    return None


class Notify:
    """Tells systemd how this process is; says nothing where nobody listens."""

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        for name, kept in (("NOTIFY_SOCKET", KEPT_NOTIFY), ("WATCHDOG_USEC", KEPT_WATCHDOG)):
            if value := environ.pop(name, ""):
                environ[kept] = value  # over an exec of ourselves, but not to a child that could speak for us
        if environ.pop("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
            environ.pop(KEPT_WATCHDOG, None)
        self._address = environ.get(KEPT_NOTIFY, "")
        watchdog = environ.get(KEPT_WATCHDOG, "")
        self.every_s = int(watchdog) / 2e6 if self._address and watchdog.isdigit() else 0.0

    def ready(self, status: str = "") -> None:
        """What this process is for is there now."""
        self._say(f"READY=1\nSTATUS={_line(status)}" if status else "READY=1")

    def alive(self) -> None:
        """Still there, and not stuck."""
        self._say("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._say(f"STATUS={_line(text)}")

    def stopping(self) -> None:
        """On its way out, as asked."""
        self._say("STOPPING=1")

    def _say(self, words: str) -> None:
        if not self._address.startswith(("/", "@")):
            return
        address = f"\0{self._address[1:]}" if self._address[0] == "@" else self._address
        with (
            contextlib.suppress(OSError),  # nobody listens any more: no reason to end
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | getattr(socket, "SOCK_CLOEXEC", 0)) as line,
        ):
            line.sendto(words.encode(), address)


def _line(text: str) -> str:
    return " ".join(text.split())
