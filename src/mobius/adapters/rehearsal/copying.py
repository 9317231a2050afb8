"""Copies of files for a boot: those that share their blocks with the original where the disk can do that."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Collection
from pathlib import Path

from mobius.adapters.releases.tree import tree_size
from mobius.archive.durable import in_words, require_free_disk

FICLONE = 0x40049409  # ioctl of Linux: btrfs, XFS, bcachefs, ZFS


def copy_folder(source: Path, target: Path, purpose: str, without: Collection[Path] = ()) -> None:
    """Copies a folder with everything in it to `target`, which is not there yet: links stay links; sockets and pipes
    are left out, and what is in `without`. Raises `MobiusError` where the disk has no room for it; `purpose` says for
    what."""

    def passed_over(folder: str, names: list[str]) -> list[str]:
        paths = {name: Path(folder, name) for name in names}
        return [n for n, path in paths.items() if path in without or not _is_plain(path.lstat().st_mode)]

    spared = sum(path.lstat().st_size if path.is_file() else tree_size(path) for path in without)
    require_free_disk(target.parent, max(0, tree_size(source) - spared), purpose)
    with in_words(f"{purpose} could not be made", target.parent):
        try:
            shutil.copytree(source, target, symlinks=True, ignore=passed_over, copy_function=copy_file)
        except shutil.Error as problem:
            raise OSError(": ".join(map(str, problem.args[0][0][::2]))) from problem  # the first of many


def copy_file(source: str | Path, target: str | Path) -> None:
    """One file with its mode and times."""
    copy_content(source, target)
    shutil.copystat(source, target)


def copy_content(source: str | Path, target: str | Path) -> None:
    """What is in one file, into one that we may write to."""
    if not _shared(source, target):
        shutil.copyfile(source, target)


def _shared(source: str | Path, target: str | Path) -> bool:
    """Whether the copy could be made by sharing blocks: at once, and without room."""
    try:
        import fcntl
    except ImportError:
        return False
    with open(source, "rb") as original, open(target, "wb") as copy:
        try:
            fcntl.ioctl(copy.fileno(), FICLONE, original.fileno())
        except OSError:
            return False
    return True


def _is_plain(mode: int) -> bool:
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
