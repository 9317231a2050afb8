"""Measures films in this process, by a function: for tests of what asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mobius.errors import GateUnknown, MobiusError
from mobius.model.media_job import MediaAnswer, MediaJob


class MemoryExecutor:
    """`measure` answers with plain values, or raises: a `MobiusError` as it is, else as a decoder that died."""

    def __init__(
        self, measure: Callable[[MediaJob], Any], *, lanes: int = 1, meter: Mapping[str, Any] | None = None
    ) -> None:
        self.lanes = lanes
        self.measured: list[MediaJob] = []
        self._measure = measure
        self._meter = dict(meter or {"meter": "memory"})

    def meter(self) -> Mapping[str, Any]:
        return self._meter

    def answers(self, jobs: Iterable[MediaJob]) -> Iterator[MediaAnswer]:
        for job in jobs:
            self.measured.append(job)
            try:
                yield MediaAnswer(job.number, told=self._measure(job), by="memory")
            except MobiusError as problem:
                yield MediaAnswer(job.number, problem=problem, by="memory")
            except Exception as broken:
                gone = GateUnknown(
                    f"{job.file}: {job.job} broke off: {broken}", "the file is broken or hostile"
                )
                yield MediaAnswer(job.number, problem=gone, by="memory")

    def __enter__(self) -> MemoryExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing runs."""
