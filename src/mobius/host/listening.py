"""What the front door listens with: its socket, or who has the port, and its certificate."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import ssl
import stat
from pathlib import Path

import psutil

from mobius.host.placed import refuse_bad_socket_path
from mobius.host.protocol import HostRefused
from mobius.host.systemd import handed_socket

UNIX = "unix:"
GROUP_MAY_CONNECT = 0o660


def bind_listening(listen: str) -> socket.socket:
    """A listening socket on "host:port" or "unix:/path". Raises HostRefused, naming who has the port where that
    is known."""
    if listen.startswith(UNIX):
        return _bind_unix(listen.removeprefix(UNIX))
    found = re.fullmatch(r"\[?([^\]]*)\]?:(\d{1,5})", listen)
    if not found or int(found[2]) > 65535:
        raise HostRefused(f"the door cannot listen on {listen!r}", "write it as 127.0.0.1:5001")
    host, port = found[1] or "0.0.0.0", int(found[2])
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        if (handed := handed_socket(address)) is not None:
            return handed
        line = socket.socket(family, kind, proto)
    except OSError as error:
        raise HostRefused(f"the door cannot listen on {listen}: {error}") from error
    try:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        line.bind(address)
        line.listen(1024)
    except OSError as error:
        line.close()
        holder = _holder_of(port)
        by = f" by {holder}" if holder else ""
        taken = (
            f"port {port} is taken{by}" if error.errno == errno.EADDRINUSE or holder else str(error.strerror)
        )
        raise HostRefused(
            f"the door cannot listen on {listen}: {taken}", "stop that process, or choose another port"
        ) from error
    line.setblocking(False)
    return line


def close_listening(line: socket.socket) -> None:
    """Closes it; the file of a Unix socket goes too."""
    path = line.getsockname() if line.family == socket.AF_UNIX and line.fileno() >= 0 else ""
    if path and not isinstance(path, tuple):
        with contextlib.suppress(OSError):
            Path(path).unlink()
    line.close()


def _bind_unix(path: str) -> socket.socket:
    """A listening Unix socket, for its owner and group. One that nobody answers on any more is replaced."""
    what = "the door cannot listen on"
    refuse_bad_socket_path(what, path)
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        mask = os.umask(0o777 & ~GROUP_MAY_CONNECT)
        try:
            line.bind(path)
        finally:
            os.umask(mask)
        line.listen(1024)
    except OSError as error:
        line.close()
        raise HostRefused(
            f"{what} {path}: {error.strerror or error}", "check that its folder is there and writable"
        ) from error
    except HostRefused:
        line.close()
        raise
    line.setblocking(False)
    return line


def _remove_stale(path: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise HostRefused(
            f"the door cannot listen on {path}: there is something else than a socket", "move it away"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            with contextlib.suppress(FileNotFoundError):
                Path(path).unlink()
            return
        except TimeoutError:
            pass  # its queue is full: somebody is there
    raise HostRefused(f"the door cannot listen on {path}: somebody else does", "stop that process")


def server_context(cert: str, key: str) -> ssl.SSLContext:
    """TLS as a server with this certificate. Raises HostRefused when it cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key)
    except OSError as error:  # ssl.SSLError is one
        raise HostRefused(
            f"the certificate {cert} with the key {key} cannot be used: {error}",
            "check that both files are PEM, readable, and belong together",
        ) from error
    return context


def _holder_of(port: int) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
                return f"{psutil.Process(one.pid).name()} (pid {one.pid})"
    return ""
