"""A port to answer on: the wanted one, or where that is taken the next free one after it."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

from mobius.errors import MobiusError
from mobius.web.guard import parts_of

NEAR = 20  # so many ports after the wanted one are tried
BACKLOG = 64


@dataclass(frozen=True, slots=True)
class Listening:
    """A bound socket. `wanted` differs from `listen` where that port was taken."""

    socket: socket.socket
    listen: str
    wanted: str

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host, port = parts_of(self.listen)
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def listen_near(wanted: str) -> Listening:
    """Raises MobiusError where neither the port nor one of those after it can be had, with the reason of the first."""
    host, first = parts_of(wanted)
    why = ""
    for port in range(first, min(first + NEAR, 65_536)):
        try:
            return Listening(_bound(host, port), _written(host, port), wanted)
        except OSError as problem:
            why = why or str(problem.strerror or problem)
            if problem.errno != errno.EADDRINUSE:
                break
    raise MobiusError(
        f"the web page cannot listen on {wanted}: {why}", "choose another `listen` of [serve] in mobius.toml"
    )


def _bound(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)
    family, kind, proto, _, address = found[0]
    line = socket.socket(family, kind, proto)
    try:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        line.bind(address)
        line.listen(BACKLOG)
    except OSError:
        line.close()
        raise
    line.setblocking(False)
    return line


def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host or '0.0.0.0'}:{port}"
