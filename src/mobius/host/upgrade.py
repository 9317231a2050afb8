"""The running supervisor becomes the one installed now: its pid, lock, sockets and children stay."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import NoReturn


def become_newer(
    root: Path, lock_fd: int, control: socket.socket, listening: Sequence[socket.socket]
) -> NoReturn:
    """Replaces this program by the one installed now, which takes over these descriptors."""
    lines = [line.fileno() for line in listening]
    for fd in (lock_fd, control.fileno(), *lines):
        os.set_inheritable(fd, True)
    handed = json.dumps({"lock": lock_fd, "control": control.fileno(), "listening": lines})
    argv = [sys.executable, "-P", "-m", "mobius.host", "--root", str(root), "--adopt", handed]
    sys.stderr.flush()
    os.execv(sys.executable, argv)


def version() -> str:
    """The version of mobius that runs."""
    try:
        return metadata.version("mobius")
    except metadata.PackageNotFoundError:
        return "unknown"
