"""Files that other scanners wrote, in SARIF: of this commit, and not of some day."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from mobius.adapters.repository import matching
from mobius.model.scan import Known
from mobius.rules.scanning.sarif import read_sarif
from mobius.rules.scanning.shapes import Unread, decoded

MOST_BYTES = 64 << 20  # read at once; GitHub takes far less


class Sarif:
    """Reads them. `commit`: what is scanned, "" where nobody knows; `is_tracked`: whether git brought the file, whose
    time says nothing then."""

    def __init__(self, project: Path, commit: str, is_tracked: Callable[[Path], bool]) -> None:
        self._project = project
        self._commit = commit
        self._is_tracked = is_tracked

    def files(self, pattern: str) -> tuple[Path, ...]:
        """Those that the pattern finds in the project, or anywhere where it is absolute."""
        return matching(self._project, pattern)

    def ask(self, file: Path) -> Known:
        """What one file says. Raises `Unread`, `OSError`."""
        if not file.is_file():
            raise Unread("it is no file", "correct [scan] sarif")
        if file.stat().st_size > MOST_BYTES:
            raise Unread(
                f"{file.stat().st_size:,} bytes are more than is read of a report",
                "let the scanner write several files, or leave parts of the code out",
            )
        read = read_sarif(decoded(file.read_bytes()))
        others = {commit for commit in read.commits if not _same(commit, self._commit)}
        if others:
            raise Unread(f"it is of another commit: {sorted(others)[0][:12]}", "let the scanner look again")
        at = read.ended_at
        if at is None:
            if self._is_tracked(file):
                raise Unread("nobody knows how old it is: it says no time, and git brought it")
            at = file.stat().st_mtime
        return Known(read.found, time.time() - at, read.results, ", ".join(dict.fromkeys(read.tools)))


def _same(one: str, other: str) -> bool:
    short = min(len(one), len(other))
    return bool(other) and short >= 7 and one[:short].lower() == other[:short].lower()
