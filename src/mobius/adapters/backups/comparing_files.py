"""What differs between the files of a backup and those of a folder: two walks in the same order, side by side."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mobius.archive.sqlite_capture import COMPANIONS
from mobius.archive.swap_inside import OURS
from mobius.archive.zip_in_lines import Entry
from mobius.model.loss import PathChange

CHUNK_BYTES = 1 << 20  # a longer file's hash is of the hashes of its chunks
MOST_EXAMPLES = 5
UNREAD = "not every content was read: some files count as changed for their time alone"
SIGNS = {"added": "+", "changed": "~", "removed": "-"}

Change = Literal["added", "changed", "removed"]


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file or link: its path below the compared one ("" for itself), and what happened to it since."""

    path: str
    change: Change
    size_bytes: int = 0  # now; of a removed one then
    read: bool = True  # False: it has another time, and there was no time to read it


def file_changes(place: Path, entries: Iterable[Entry], member: str, until: float) -> Iterator[FileChange]:
    """Every difference below `place` against the entries of `member`, in order; databases are left out.

    Of two files with the same size and time the content is taken to be the same; one with another time is read
    and hashed, as long as `until` (by `time.monotonic`) has not come. Memory does not grow with the files, where
    the entries come in the archive's order.
    """
    then = _entries(entries, member)
    now = _walk(place)
    left, right = next(then, None), next(now, None)
    while left is not None or right is not None:
        if right is None or (left is not None and _order(left[0]) < _order(right[0])):
            assert left is not None
            if not left[1].database:
                yield FileChange(left[0], "removed", left[1].size_bytes)
            left = next(then, None)
        elif left is None or _order(right[0]) < _order(left[0]):
            yield FileChange(right[0], "added", right[1].st_size)
            right = next(now, None)
        else:
            if not left[1].database:
                yield from _compared(place, left[0], left[1], right[1], until)
            left, right = next(then, None), next(now, None)


def summed(path: str, changes: Iterable[FileChange]) -> PathChange:
    """The differences of one backup path in figures, with a few by name."""
    counts = {"added": 0, "changed": 0, "removed": 0}
    examples: list[str] = []
    unread = False
    for change in changes:
        counts[change.change] += 1
        unread = unread or not change.read
        if len(examples) < MOST_EXAMPLES:
            examples.append(f"{SIGNS[change.change]} {change.path or Path(path).name}")
    return PathChange(path, **counts, examples=tuple(examples), counted_only=UNREAD if unread else "")


def _compared(place: Path, path: str, then: Entry, now: os.stat_result, until: float) -> Iterator[FileChange]:
    file = place / path if path else place
    if then.kind == "symlink" or stat.S_ISLNK(now.st_mode):
        same = then.kind == "symlink" and stat.S_ISLNK(now.st_mode)
        if not (same and os.fspath(file.readlink()) == then.link_target):
            yield FileChange(path, "changed", now.st_size)
    elif now.st_size != then.size_bytes:
        yield FileChange(path, "changed", now.st_size)
    elif now.st_mtime_ns != then.mtime_ns:
        if time.monotonic() >= until:
            yield FileChange(path, "changed", now.st_size, read=False)
        elif then.sha256 not in _hashes(file):
            yield FileChange(path, "changed", now.st_size)


def _hashes(file: Path) -> tuple[str, str]:
    """Of the whole content, and of the hashes of its chunks."""
    whole, chunks = hashlib.sha256(), hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(CHUNK_BYTES):
            whole.update(piece)
            chunks.update(hashlib.sha256(piece).digest())
    return whole.hexdigest(), chunks.hexdigest()


def _entries(entries: Iterable[Entry], member: str) -> Iterator[tuple[str, Entry]]:
    for entry in entries:
        if entry.kind != "directory":
            yield entry.path[len(member) :].lstrip("/"), entry


def _walk(place: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Files and links below `place` in the archive's order; what belongs to a database goes with it."""
    try:
        seen = place.stat()
    except OSError:
        return
    if stat.S_ISDIR(seen.st_mode):
        yield from _below(os.fspath(place), "")
    else:
        yield "", seen


def _below(folder: str, before: str) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as listed:
        found = sorted(listed, key=lambda entry: os.fsencode(entry.name))
    names = {entry.name for entry in found}
    for entry in found:
        if entry.name.startswith(OURS) or any(
            entry.name.endswith(s) and entry.name.removesuffix(s) in names for s in COMPANIONS
        ):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path, f"{before}{entry.name}/")
        elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
            yield f"{before}{entry.name}", entry.stat(follow_symlinks=False)


def _order(path: str) -> bytes:
    return os.fsencode(path).replace(b"/", b"\0")
