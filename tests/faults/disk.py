"""A small disk of its own that can really be full: ext4 in a file, mounted by loop; root only."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path


class NoDisk(Exception):
    """There can be no such disk here; the message says why."""


@contextlib.contextmanager
def small_disk(folder: Path, size_mb: int) -> Iterator[Path]:
    """The mounted folder; unmounted and gone afterwards, also on failure. NoDisk where it cannot be made."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        raise NoDisk("only root can mount a disk")
    if (missing := [tool for tool in ("mkfs.ext4", "mount", "umount") if shutil.which(tool) is None]) != []:
        raise NoDisk(f"{', '.join(missing)} is not installed")
    image, place = folder / "disk.img", folder / "disk"
    with image.open("wb") as file:
        file.truncate(size_mb << 20)
    place.mkdir()
    _run("mkfs.ext4", "-q", "-F", "-m", "0", "-i", "4096", str(image))
    _run("mount", "-o", "loop", str(image), str(place))
    try:
        yield place
    finally:
        if subprocess.run(["umount", str(place)], capture_output=True).returncode != 0:
            subprocess.run(["umount", "-l", str(place)], check=True)
        image.unlink()


def fill_up(disk: Path, but: int = 0, name: str = "thief") -> Path:
    """Take all the space that is left, `but` so many bytes; the file that holds it."""
    thief = disk / name
    with thief.open("ab", buffering=0) as file:
        for step in (1 << 20, 1 << 16, 1 << 12, 512, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * step)
        os.fsync(file.fileno())
        if but:
            file.truncate(max(0, thief.stat().st_size - but))
            os.fsync(file.fileno())
    return thief


def _run(*command: str) -> None:
    done = subprocess.run(list(command), capture_output=True, text=True)
    if done.returncode != 0:
        raise NoDisk(f"{' '.join(command[:2])} failed: {done.stderr.strip()}")
