"""Measures films in this process, by a function: for tests of what asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mobius.errors import GateUnknown, Interrupted, MobiusError

Measure = Callable[[str, Path, Mapping[str, Any]], Any]


class MemoryExecutor:
    """`measure` answers with plain values, or raises: a `MobiusError` as it is, anything else as a decoder that died.
    `asked` has every job and file."""

    def __init__(self, measure: Measure, *, lanes: int = 1, meter: Mapping[str, Any] | None = None) -> None:
        self.lanes = lanes
        self.asked: list[tuple[str, Path]] = []
        self._measure = measure
        self._meter = dict(meter or {"meter": "memory"})
        self._free = threading.Semaphore(lanes)
        self._is_over = False

    def meter(self) -> Mapping[str, Any]:
        return self._meter

    def ask(self, job: str, file: Path, options: Mapping[str, Any]) -> Any:
        with self._free:
            if self._is_over:
                raise Interrupted("stopped measuring", "measure again: what was measured is known")
            self.asked.append((job, file))
            try:
                return self._measure(job, file, options)
            except MobiusError:
                raise
            except Exception as broken:
                gone = f"{file.name}: {job} broke off: {broken}"
                raise GateUnknown(gone, "the file is broken or hostile") from broken

    def __enter__(self) -> MemoryExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
