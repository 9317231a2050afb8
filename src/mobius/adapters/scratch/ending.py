"""Ends what was started in a scratch place."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from mobius.host.children import MARK_ROOT, find_marked
from mobius.host.client import HostClient, HostRefused, HostUnavailable

ENDED_WITHIN_S = 10.0


def end_scratch(root: Path) -> None:
    """Ends the supervisor of a scratch place and everything that it started."""
    try:
        HostClient(root, timeout_s=ENDED_WITHIN_S).shutdown(stop_slots=True)
    except (HostUnavailable, HostRefused):
        pass
    for process in find_marked(MARK_ROOT, str(root.resolve())):
        end_group(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def end_group(pid: int, number: int) -> None:
    """Sends the signal to the whole group of the process; where there are none, to itself."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number) if hasattr(os, "killpg") else os.kill(pid, number)
