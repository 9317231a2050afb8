"""Where a web process is asked past the front door: on its port, or on its Unix socket when it listens there alone."""

from __future__ import annotations

import contextlib
import socket
import stat
from pathlib import Path

WITHIN_S = 1.0


def reached_at(port: int | None, path: str | None) -> str:
    """An address for the checks, "http://127.0.0.1:PORT" or "unix:PATH"; "" when it has neither."""
    url = f"http://127.0.0.1:{port}" if port else ""
    if path and _is_socket(path) and not (port and _accepts(port)):
        return f"unix:{path}"
    return url


def _is_socket(path: str) -> bool:
    with contextlib.suppress(OSError):
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    return False


def _accepts(port: int) -> bool:
    with socket.socket() as line:
        line.settimeout(WITHIN_S)
        return line.connect_ex(("127.0.0.1", port)) == 0
