"""Slots that somebody else runs: where their web process is reached is told, and the door routes there as ever."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mobius.host.messages import Listen, build
from mobius.host.protocol import SOCKET_PATH_LIMIT_BYTES, HostRefused


@dataclass(frozen=True, slots=True)
class Address:
    """Where a web process is reached: a loopback port, a Unix socket, or both; `listen` says which one counts
    ("auto": the socket when it is there and accepts, else the port). `placed`: not by a process of ours."""

    port: int | None
    socket: str | None
    listen: Listen = "auto"
    placed: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def placed_at(slot: str, port: int | None, socket: str | None) -> Address:
    """The address of a placed slot. Raises HostRefused for one that nothing can listen on."""
    if port is None and socket is None:
        raise HostRefused(f"slot {slot} cannot be placed nowhere", "give its port, its socket, or both")
    if port is not None and not (isinstance(port, int) and 0 < port < 65536):
        raise HostRefused(f"slot {slot} cannot be placed on port {port!r}", "give a port from 1 to 65535")
    if socket is not None:
        refuse_bad_socket_path(f"slot {slot} cannot be placed on", socket)
    listen: Listen = "auto" if port and socket else "port" if port else "socket"
    return Address(port, socket, listen, placed=True)


def refuse_bad_socket_path(what: str, path: str) -> None:
    """Raises HostRefused unless this is an absolute path that fits into the address of a Unix socket."""
    if not path.startswith("/") or "\0" in path or "\n" in path or Path(path).name in ("", ".."):
        raise HostRefused(f"{what} {path!r}", "give the absolute path of a Unix socket")
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT_BYTES:
        raise HostRefused(
            f"{what} {path}: a Unix socket's path has at most {SOCKET_PATH_LIMIT_BYTES} bytes",
            "choose a shorter `root`",
        )


def address_from(saved: Any) -> Address | None:
    """The address as it was written down; None for a slot that runs processes of ours."""
    return None if saved is None else build(Address, saved)
