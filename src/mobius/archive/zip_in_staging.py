"""A hidden folder beside the place where something is to be restored; gone at the end, whatever happens."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mobius.archive.durable import folder_locked, lock_file


@contextlib.contextmanager
def staging_for(destination: Path) -> Iterator[Path]:
    """A private, locked folder beside `destination`, removed at the end; so are those of dead extractions."""
    parent = destination.parent
    with folder_locked(parent):
        for leftover in parent.glob(f".{glob.escape(destination.name)}.*.staging"):
            with _lock_of(leftover) as held:
                if held:
                    _remove(leftover)
        staging = parent / f".{destination.name}.{secrets.token_hex(6)}.staging"
        staging.mkdir(mode=0o700)
        lock = contextlib.ExitStack()
        lock.enter_context(_lock_of(staging))
    try:
        yield staging
    finally:
        lock.close()
        if os.path.lexists(staging):
            _remove(staging)


@contextlib.contextmanager
def _lock_of(folder: Path) -> Iterator[bool]:
    """The kernel's lock on a folder, held while it is open; where folders cannot be locked, never held."""
    if sys.platform == "win32":
        yield False
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        try:
            held = lock_file(fd, wait=False)
        except OSError:
            held = False
        yield held
    finally:
        os.close(fd)


def _remove(folder: Path) -> None:
    def open_up(function: Callable[..., Any], path: str, _: object) -> None:
        # A restored folder may forbid its own removal.
        Path(path).parent.chmod(stat.S_IRWXU)
        if Path(path).is_dir() and not Path(path).is_symlink():
            Path(path).chmod(stat.S_IRWXU)
            shutil.rmtree(path, ignore_errors=True)
        else:
            function(path)

    if sys.version_info >= (3, 12):
        shutil.rmtree(folder, onexc=open_up)
    else:
        shutil.rmtree(folder, onerror=open_up)
