"""The newest file that a service made, of those that have stopped growing."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from glob import has_magic
from itertools import islice
from pathlib import Path

SETTLED_S = 2.0  # unchanged for so long, and not empty: whoever writes it has ended
MOST = 10_000  # files looked at


@dataclass(frozen=True, slots=True)
class Found:
    """One file as it was seen: the same again is the same file, unchanged."""

    path: str
    size_bytes: int
    changed_ns: int
    inode: int


def newest_file(
    pattern: str, wait: Callable[[float], None], *, since: float = 0.0, settled_s: float = SETTLED_S
) -> Found | None:
    """The newest match that is not written to any more, changed at or after `since` (unix seconds); None for none.
    Looks twice, `settled_s` apart: whatever changed in between is still being written. Blocks for so long."""
    before = _matches(pattern, since)
    if not before:
        return None
    wait(settled_s)
    settled = before & _matches(pattern, since)
    return max(settled, key=lambda found: (found.changed_ns, found.path), default=None)


def _matches(pattern: str, since: float) -> set[Found]:
    there = set()
    for path in islice(_paths(Path(pattern)), MOST):
        try:
            seen = path.stat()
        except OSError:  # gone since, or somebody else's
            continue
        if stat.S_ISREG(seen.st_mode) and seen.st_size > 0 and seen.st_mtime >= since:
            there.add(Found(str(path), seen.st_size, seen.st_mtime_ns, seen.st_ino))
    return there


def _paths(pattern: Path) -> Iterator[Path]:
    parts = pattern.parts
    fixed = next((number for number, part in enumerate(parts) if has_magic(part)), None)
    if fixed is None:
        return iter((pattern,))
    return Path(*parts[:fixed]).glob(str(Path(*parts[fixed:])))
