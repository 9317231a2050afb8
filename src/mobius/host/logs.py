"""Rotates logs that processes write themselves: copied aside, then cut to nothing, so that nobody must
reopen."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

ROTATE_AT_BYTES = 10 * 1024 * 1024
KEPT = 5


def rotate_grown(run: Path, at_bytes: int = ROTATE_AT_BYTES) -> list[Path]:
    """Rotates every log below `run` that is larger than `at_bytes`; returns those. A log is opened for
    appending by its process, so that it goes on at the new end. Lines written between copy and cut are
    lost."""
    rotated = []
    for log in _logs(run):
        try:
            if log.stat().st_size > at_bytes:
                rotate(log)
                rotated.append(log)
        except OSError:  # the disk is full, or the log went away: the next round tries again
            continue
    return rotated


def set_aside(log: Path) -> None:
    """Rotates a log that holds anything; one that cannot be rotated stays, and is written on."""
    try:
        if log.stat().st_size:
            rotate(log)
    except OSError:
        return


def rotate(log: Path) -> None:
    """`log` becomes `log.1`, that one `log.2`, and so on; what would be `log.6` is gone."""
    for number in range(KEPT, 1, -1):
        older = log.with_name(f"{log.name}.{number - 1}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number}"))
    copy = log.with_name(f"{log.name}.1")
    with (
        log.open("rb") as source,
        open(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target,
    ):
        shutil.copyfileobj(source, target, 1024 * 1024)
    os.truncate(log, 0)


def _logs(run: Path) -> Iterator[Path]:
    yield from run.glob("*.log")
    yield from run.glob("*/*.log")
