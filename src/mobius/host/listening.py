"""What the front door listens with: its socket, or who has the port, and its certificate."""

from __future__ import annotations

import contextlib
import errno
import re
import socket
import ssl

import psutil

from mobius.host.protocol import HostRefused


def bind_listening(listen: str) -> socket.socket:
    """A listening TCP socket on "host:port". Raises HostRefused, naming who has the port where that is
    known."""
    found = re.fullmatch(r"\[?([^\]]*)\]?:(\d{1,5})", listen)
    if not found or int(found[2]) > 65535:
        raise HostRefused(f"the door cannot listen on {listen!r}", "write it as 127.0.0.1:5001")
    host, port = found[1] or "0.0.0.0", int(found[2])
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
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
