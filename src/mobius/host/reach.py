"""Lets a proxy's group come to the sockets of slots, where the run directory was given to one, and to nothing else."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

FOLDER = 0o2710  # what is made in it belongs to its group, which may pass but not list
CONNECT = 0o060


def open_to_group(run: Path, gid: int | None) -> None:
    """Lets this group (None: the one it has) pass through the run directory, now and for what is made in it.
    Raises OSError where that is not ours to give."""
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    if gid is not None and run.stat().st_gid != gid:
        os.chown(run, -1, gid)
    run.chmod(FOLDER)


def is_open_to_group(run: Path) -> bool:
    """Whether a proxy's group may pass through this run directory: its set-group-id bit says so."""
    with contextlib.suppress(OSError):
        return bool(run.stat().st_mode & stat.S_ISGID)
    return False


def make_slot_folder(folder: Path) -> None:
    """Makes the folder of a slot: for this user only, or passable like the run directory around it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if is_open_to_group(folder.parent):
        gid = folder.parent.stat().st_gid
        with contextlib.suppress(OSError):
            if folder.stat().st_gid != gid:
                os.chown(folder, -1, gid)
            folder.chmod(FOLDER)


def group_may_connect(run: Path, path: Path) -> bool:
    """Whether the group that may pass through `run` may also come to this socket, wherever it is: it needs not be asked
    about what leads to `run` itself. Always where `run` was opened to none. Raises OSError when that cannot be seen."""
    if not is_open_to_group(run):
        return True
    gid, end = run.stat().st_gid, path.resolve()
    folders = [folder for folder in end.parents if folder not in (run, *run.parents)]
    return _allows(end, gid, stat.S_IWOTH) and all(_allows(folder, gid, stat.S_IXOTH) for folder in folders)


def _allows(path: Path, gid: int, right: int) -> bool:
    """`right` as of others."""
    found = path.stat()
    return bool(found.st_mode & (right << 3 if found.st_gid == gid else right))


def let_group_connect(path: Path) -> None:
    """Gives the group of this socket the right to connect, which the usual umask (022) took from it: the service
    that made it is not asked, and makes it anew at each of its starts."""
    with contextlib.suppress(OSError):
        made = path.stat()
        if stat.S_ISSOCK(made.st_mode) and made.st_mode & CONNECT != CONNECT:
            path.chmod(stat.S_IMODE(made.st_mode) | CONNECT)
