"""Folders that are gone at the end; after a crash at the next use, with whatever still runs in them."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil

from mobius.archive.durable import folder_locked, lock_file

_ALIVE = "alive"
_END_TIMEOUT_S = 10.0


@contextlib.contextmanager
def own_folder(base: Path, start: str, mode: int = 0o700) -> Iterator[Path]:
    """A new folder `START-…` in `base`, ours while inside the `with`. Those whose process is gone are swept first."""
    with folder_locked(base):
        sweep(base, start)
        folder = base / f"{start}-{secrets.token_hex(6)}"
        folder.mkdir(mode=mode)
        folder.chmod(mode)
        alive = os.open(folder / _ALIVE, os.O_RDWR | os.O_CREAT, 0o600)
        lock_file(alive, wait=True)
    try:
        yield folder
    finally:
        remove(folder)
        os.close(alive)


def sweep(base: Path, start: str) -> tuple[Path, ...]:
    """Removes the folders whose process is gone, and returns them. To be called with the lock of `base` held."""
    gone = []
    for folder in base.glob(f"{start}-*"):
        try:
            alive = os.open(folder / _ALIVE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            continue  # not ours, or already being removed
        try:
            if lock_file(alive, wait=False):
                remove(folder)
                gone.append(folder)
        finally:
            os.close(alive)
    return tuple(gone)


def remove(folder: Path) -> None:
    """Ends what still runs with this folder among its words (a server, and what fills it), then removes it."""
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and any(str(folder) in word for word in process.cmdline()):
                left.append(process)
    for number in (signal.SIGQUIT, signal.SIGKILL):
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)
        if left:
            _, left = psutil.wait_procs(left, timeout=_END_TIMEOUT_S)
    shutil.rmtree(folder, ignore_errors=True)
