"""The names in one folder, sorted and without the excluded ones, in bounded memory however many there are."""

from __future__ import annotations

import contextlib
import fnmatch
import heapq
import itertools
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

RUN_NAMES = 50_000  # that many names at once take about 5 MB


@dataclass(frozen=True, slots=True)
class Excludes:
    """Shell patterns: of a component's name where they have no "/", else of the path below the source."""

    names: re.Pattern[str] | None
    paths: re.Pattern[str] | None

    @classmethod
    def of(cls, patterns: Sequence[str]) -> Excludes:
        # "/logs" means the one at the top, as in .gitignore; "logs/" is "logs".
        of_paths = [pattern.strip("/") for pattern in patterns if "/" in pattern.rstrip("/")]
        of_names = [pattern.strip("/") for pattern in patterns if "/" not in pattern.rstrip("/")]
        return cls(_any_of(of_names), _any_of(of_paths))

    def match(self, relative: str, name: str) -> bool:
        return bool((self.names and self.names.match(name)) or (self.paths and self.paths.match(relative)))


def sorted_names(folder: str, run_names: int = RUN_NAMES) -> Iterator[str]:
    """The names in `folder` by their bytes; more than `run_names` are sorted by way of temporary files."""
    with os.scandir(folder) as listing:
        # The order of UTF-8 is that of its characters.
        run = sorted(entry.name for entry in itertools.islice(listing, run_names))
        if len(run) < run_names:
            return iter(run)
        return _merged(run, listing, run_names)


def _merged(run: list[str], listing: Iterator[os.DirEntry[str]], run_names: int) -> Iterator[str]:
    with contextlib.ExitStack() as spools:
        runs = []
        while run:
            spool = spools.enter_context(tempfile.TemporaryFile())
            # No name holds a NUL or a slash; it may hold a line's end.
            spool.write(b"".join(os.fsencode(name) + b"/\n" for name in run))
            spool.seek(0)
            runs.append(spool)
            run = sorted(entry.name for entry in itertools.islice(listing, run_names))
        kept = spools.pop_all()
    return _closing(heapq.merge(*map(_names_in, runs)), kept)


def _names_in(spool: BinaryIO) -> Iterator[str]:
    name = b""
    for line in spool:
        name += line
        if name.endswith(b"/\n"):
            yield os.fsdecode(name[:-2])
            name = b""


def _closing(names: Iterator[str], spools: contextlib.ExitStack) -> Iterator[str]:
    with spools:
        yield from names


def _any_of(patterns: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns)) if patterns else None
