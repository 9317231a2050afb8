"""Scratch places of rehearsals: each belongs to one living process, and those of the dead are removed."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mobius.archive.durable import folder_locked, lock_file
from mobius.errors import MobiusError

OWNER = "owner.lock"
PREFIX = "rehearsal-"


@contextmanager
def scratch_place(run: Path, progress: Callable[[str], None] = lambda _: None) -> Iterator[Path]:
    """A new empty folder below `run`, removed at the end; what killed rehearsals left there is removed first. Whose
    owner lives is left alone: its lock is held by the kernel for as long as the process is there. `progress` hears of
    a folder that cannot be removed.

    Raises `MobiusError` where it cannot be made.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
        with folder_locked(run):
            sweep(run)
            place = run / f"{PREFIX}{secrets.token_hex(6)}"
            place.mkdir(mode=0o700)
            owner = _locked(place / OWNER)
            assert owner is not None  # nobody else knows of it yet
    except OSError as problem:
        raise MobiusError(
            f"no scratch place could be made in {run}: {problem.strerror or problem}",
            "free some space there, or let this user write to it",
        ) from problem
    try:
        yield place
    finally:
        remove(place)
        os.close(owner)
        if place.exists():
            progress(
                f"a copy of the data stays in {place}: it could not be removed; the next rehearsal tries again"
            )


def sweep(run: Path) -> None:
    """Removes the scratch places whose owner is gone; call it under the lock of `run`, or alone."""
    for place in run.glob(f"{PREFIX}*"):
        owner = None
        with suppress(OSError):
            owner = _locked(place / OWNER)
            if owner is not None:
                remove(place)
        if owner is not None:
            os.close(owner)


def remove(place: Path) -> None:
    """Also what a release made unreadable to us. Its lock goes last, and what cannot be removed now is swept later."""
    with suppress(OSError):
        for inside in [inside for inside in place.iterdir() if inside.name != OWNER]:
            if inside.is_dir() and not inside.is_symlink():
                _open_up(inside)
                shutil.rmtree(inside, ignore_errors=True)
            else:
                inside.unlink(missing_ok=True)
        (place / OWNER).unlink(missing_ok=True)
        place.rmdir()


def _open_up(folder: Path) -> None:
    """Lets us into every folder in there."""
    for path, folders, _ in os.walk(folder):
        for name in folders:
            inside = Path(path, name)
            if not inside.is_symlink():
                with suppress(OSError):
                    inside.chmod(0o700)


def _locked(path: Path) -> int | None:
    """The lock in our hands; None where somebody alive has it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    if lock_file(fd, wait=False):
        return fd
    os.close(fd)
    return None
