"""Staging a release alone: a deployment and a rehearsal may want the same one at the same moment."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mobius.adapters.locks.os_lock import OsLock
from mobius.errors import Locked

BETWEEN_TRIES_S = 0.1


@contextlib.contextmanager
def staging_alone(
    run: Path, release_id: str, *, within_s: float, progress: Callable[[str], None]
) -> Iterator[None]:
    """Nobody else stages this release meanwhile; who does already is waited for. The lock goes with its process, and
    its file with the last. Raises `Locked` naming the holder when that was not over within `within_s`."""
    path = run / f"staging-{release_id}.lock"
    lock, until, told = OsLock(path, f"the staging of {release_id}"), time.monotonic() + within_s, False
    with contextlib.ExitStack() as held:
        while True:
            try:
                held.enter_context(lock.held())
                break
            except Locked as other:
                if time.monotonic() >= until:
                    raise
                if not told:
                    progress(f"waiting: {other.message}")
                    told = True
                time.sleep(BETWEEN_TRIES_S)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # Windows removes no file that is open
                path.unlink()
