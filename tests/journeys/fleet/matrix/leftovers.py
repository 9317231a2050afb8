"""The folders of a matrix, by the process they belong to; what was left by one that was killed goes with the next."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

KINDS = ("fm", "fa")  # the small disk, and what lies beside it
_OURS = re.compile(rf"mobius-(?:{'|'.join(KINDS)})-(\d+)-(\d+)-\w+")


def prefix_of(kind: str) -> str:
    """Of a folder of this process: its number, and when it was started, for numbers are given again."""
    return f"mobius-{kind}-{os.getpid()}-{_started(os.getpid())}-"


def clear_what_dead_ones_left(top: Path | None = None) -> tuple[str, ...]:
    """Unmounts and removes the folders of matrices whose process is gone; nothing else, and none of one that lives.
    Returns their names."""
    dead = []
    for folder in sorted((top or Path(tempfile.gettempdir())).glob("mobius-f?-*")):
        named = _OURS.fullmatch(folder.name)
        if named is None or folder.is_symlink() or not folder.is_dir() or _lives(named):
            continue
        if str(folder) in _mounted():
            subprocess.run(["umount", "--lazy", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)
        dead.append(folder.name)
    return tuple(dead)


def _lives(named: re.Match[str]) -> bool:
    return _started(int(named[1])) == named[2]


def _started(pid: int) -> str:
    """In ticks since the machine was started, "" for a process that is gone."""
    with suppress(OSError):
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[19]
    return ""


def _mounted() -> Iterable[str]:
    return {line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()}
