"""Asks whoever measures, but for what is known from before."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mobius.adapters.media.cache import Cache
from mobius.adapters.media.probing import digest
from mobius.errors import GateUnknown
from mobius.ports import Executor
from mobius.rules.media.keys import can_be_known, golden_files, key_of, sha256_of_film

Seen = tuple[str, int, int, int]


class Remembering:
    """For any number of threads. `cache` None: nothing is known, and nothing kept."""

    def __init__(self, executor: Executor, cache: Cache | None) -> None:
        self._executor, self._cache = executor, cache
        self._digests: dict[Seen, str] = {}
        self._meter: Mapping[str, Any] | None = None
        self._guard = threading.Lock()

    def film(self) -> Asking:
        """For the questions about one film."""
        return Asking(self)

    def answer(self, job: str, file: Path, options: Mapping[str, Any]) -> tuple[Any, bool]:
        """As `Executor.ask`, and whether it was known. Raises `GateUnknown` for a film that changed meanwhile."""
        before = _seen(file)
        if before is None or not can_be_known(job, options):
            return self._executor.ask(job, file, options), False
        sha256, key = self._digest(before, file), ""
        if self._cache is not None:
            golden = [self._of_golden(Path(options["folder"]) / name) for name in golden_files(options)]
            key = key_of((file.name, sha256), job, options, self._who(), golden)
            if (told := self._cache.known(key)) is not None:
                return told, True
        told = self._executor.ask(job, file, options)
        if _seen(file) != before or sha256_of_film(job, told) not in (None, sha256):
            raise GateUnknown(
                f"{file.name} changed while it was measured, or is another file where it was measured",
                "measure it once it is written; a cluster needs the same files at the same paths",
            )
        if self._cache is not None:
            self._cache.keep(key, told)
        return told, False

    def _digest(self, seen: Seen, file: Path) -> str:
        if seen not in self._digests:
            try:
                self._digests[seen] = digest(file)
            except OSError as problem:
                raise GateUnknown(
                    f"{file.name} cannot be read: {problem.strerror}", "look at its permissions"
                ) from problem
        return self._digests[seen]

    def _of_golden(self, file: Path) -> str:
        """ "" for one that is not there: whoever measures says so."""
        seen = _seen(file)
        return self._digest(seen, file) if seen else ""

    def _who(self) -> Mapping[str, Any]:
        with self._guard:
            if self._meter is None:
                self._meter = self._executor.meter()
            return self._meter


class Asking:
    """`ask` for one film; `measured` counts what was not known."""

    def __init__(self, remembering: Remembering) -> None:
        self._remembering = remembering
        self.measured = 0

    def ask(self, job: str, file: Path, options: Mapping[str, Any]) -> Any:
        """As `Executor.ask`."""
        self.measured += 1
        told, known = self._remembering.answer(job, file, options)
        self.measured -= known
        return told


def _seen(file: Path) -> Seen | None:
    """What tells a file from the one that was there before; None where there is none."""
    try:
        about = file.stat()
    except OSError:
        return None
    return (str(file.absolute()), about.st_size, about.st_mtime_ns, about.st_ino) if file.is_file() else None
