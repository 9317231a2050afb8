"""Hosts that are folders: the real agent at the other end of a real line, without ssh."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mobius.adapters.fleet.agent import keeper, processes
from mobius.adapters.fleet.line import Line
from mobius.adapters.fleet.sending import receiver


def line_to(root: Path, name: str = "web1") -> Line:
    """A line as ssh would make it: a shell that is given the one command."""
    return Line(name, ["sh", "-c", receiver(sys.executable)], str(root))


def wanted(name: str, *start: str, kind: str = "web", port: int = 0, **more: Any) -> dict[str, Any]:
    """One process as a host is told."""
    return {
        "name": name, "kind": kind, "start": list(start), "env": {}, "env_file": None, "port": port,
        "stop_signal": "TERM", "stop_timeout_s": 5.0, **more,
    }  # fmt: skip


def seen(root: Path) -> dict[str, Any]:
    """What its keeper sees."""
    return dict(keeper.read_seen(root)["processes"])


def until(condition: Callable[[], object], what: str, within_s: float = 20.0) -> None:
    """Waits for it."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, f"not within {within_s:g} s: {what}"
        time.sleep(0.02)


@contextlib.contextmanager
def ended(root: Path) -> Iterator[None]:
    """Whatever the host was told, nothing of it runs afterwards."""
    try:
        yield
    finally:
        told = keeper.read_seen(root)["keeper"]
        if told and processes.is_alive(told["pid"], told["started"]):
            os.kill(told["pid"], signal.SIGKILL)
        for _, _, _, pid in list(processes.left_behind(root)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
