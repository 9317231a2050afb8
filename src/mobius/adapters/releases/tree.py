"""The tree of one release on disk: its digest, its end, and what it gives to `shared/`."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import time
from collections.abc import Collection
from pathlib import Path

from mobius.host.children import find_marked, group_is_gone, signal_group

MARK_BUILD = "MOBIUS_BUILD"  # in the environment of a build: the tree it makes
GONE_WITHIN_S = 5.0


def tree_digest(path: Path, *, without: Collection[str] = ()) -> str:
    """SHA-256 over every path, mode and content of a built tree, links by their target. `without`: names at its top
    that do not count."""
    digest = hashlib.sha256()
    for folder, names, files in os.walk(path):
        if Path(folder) == path:
            names[:], files = [n for n in names if n not in without], [n for n in files if n not in without]
        names.sort()
        here = Path(folder)
        for name in sorted([*files, *(n for n in names if (here / n).is_symlink())]):
            file = here / name
            relative = file.relative_to(path).as_posix().encode("utf-8", "surrogateescape")
            if file.is_symlink():
                digest.update(relative + b"\0link\0" + os.fsencode(file.readlink()) + b"\n")
            elif file.is_file():
                with file.open("rb") as content:
                    sha256 = hashlib.file_digest(content, "sha256").hexdigest()
                digest.update(relative + f"\0{file.stat().st_mode & 0o777:o}\0{sha256}\n".encode())
    return digest.hexdigest()


def tree_size(path: Path) -> int:
    """Bytes of its files, links not followed; what cannot be seen counts nothing."""
    size_bytes = 0
    for folder, _, files in os.walk(path):
        for name in files:
            with contextlib.suppress(OSError):
                size_bytes += (Path(folder) / name).lstat().st_size
    return size_bytes


def remove_tree(path: Path) -> None:
    """Deletes it, also where a build made folders read-only (Go's module cache); what will not go stays. Of an adopted
    release only the link goes: what it leads to was never ours."""
    if path.is_symlink():
        path.unlink()
        return
    shutil.rmtree(path, ignore_errors=True)
    if not path.is_dir():
        return
    for folder, _, _ in os.walk(path):
        with contextlib.suppress(OSError):
            Path(folder).chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)


def end_builds_in(path: Path) -> None:
    """A build whose runner was killed goes on by itself, and would write into the tree that is made anew."""
    if not hasattr(os, "killpg"):
        return
    for left in find_marked(MARK_BUILD, str(path)):
        signal_group(left.pid, signal.SIGKILL)
        give_up_at = time.monotonic() + GONE_WITHIN_S
        while not group_is_gone(left.pid) and time.monotonic() < give_up_at:
            time.sleep(0.01)


def give_first_content(inside: Path, shared: Path) -> None:
    """What a release brings at a linked path is the first content of `shared/`: there whole, or not yet."""
    shared.parent.mkdir(parents=True, exist_ok=True)
    fresh = shared.with_name(f".{shared.name}.first")
    if fresh.is_dir():
        shutil.rmtree(fresh)
    if inside.is_dir() and not inside.is_symlink():
        shutil.copytree(inside, fresh, symlinks=True)
    elif inside.exists():
        shutil.copy2(inside, fresh)
    else:
        fresh.mkdir()
    fresh.rename(shared)
