"""What measures films: many at once, here or on other machines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol


class Executor(Protocol):
    """Measures films. Used in a `with`, at whose end nothing that it began still runs."""

    @property
    def lanes(self) -> int:
        """How many films are measured at the same time."""

    def meter(self) -> Mapping[str, Any]:
        """Who measures: the versions that a reading depends on, the same for all lanes. Raises `GateUnknown` where
        media cannot be measured, where nobody can be reached, and where the versions differ, with those of each."""

    def ask(self, job: str, file: Path, options: Mapping[str, Any]) -> Any:
        """What the job (a name of `mobius.adapters.media.jobs.JOBS`) says of the file, in plain values. Any number of
        threads may ask; more than there are lanes wait. Asked again, it measures again.

        Raises what the job raised. What goes wrong with a film stops no other: a file that cannot be read by who
        measures it, a decoder or a machine that dies is a `GateUnknown` of that file. What ran twice, because a machine
        died before it could answer, is answered once. After the `with` whoever still waits gets `Interrupted`.
        """

    def __enter__(self) -> Executor: ...

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None: ...
