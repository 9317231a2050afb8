"""What measures films: many at once, here or on other machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Protocol

from mobius.model.media_job import MediaAnswer, MediaJob


class Executor(Protocol):
    """Measures films. Used in a `with`, at whose end nothing that it began still runs."""

    @property
    def lanes(self) -> int:
        """How many films are measured at the same time."""

    def meter(self) -> Mapping[str, Any]:
        """Who measures: the versions that a reading depends on, the same for all lanes. Raises `GateUnknown` where
        media cannot be measured, where nobody can be reached, and where the versions differ, with those of each."""

    def answers(self, jobs: Iterable[MediaJob]) -> Iterator[MediaAnswer]:
        """One answer for each job, as they come, in any order. Jobs are taken one by one, a few more than there are
        lanes, so that looking at the next films goes on beside the measurements.

        What goes wrong with a film is the answer's `problem`, and stops no other: a file that is not there or cannot be
        read by who measures it, a decoder or a machine that dies (`GateUnknown`). What ran twice, because a machine
        died before it could answer, is answered once. A film whose bytes are not those of `sha256` is a `GateUnknown`.
        Leaving the iterator early ends what is being measured. One call at a time.
        """

    def __enter__(self) -> Executor: ...

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None: ...
