"""What the release's processes use of processor, memory and file descriptors, and how full the disk below it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

from mobius.host.groups import CGROUPS, PROC
from mobius.host.usage import SIGNALS, Meter
from mobius.model.sample import Sample


class Resources:
    """Reads the processes that `pids` names and all their children; with None, processor and memory of the whole
    machine. `root`: the folder whose disk is looked at; None: none is."""

    def __init__(
        self,
        pids: Callable[[], Sequence[int]] | None,
        monotonic: Callable[[], float],
        *,
        root: Path | None = None,
        cgroups: Path = CGROUPS,
        proc: Path = PROC,
    ) -> None:
        self._pids = pids
        self._monotonic = monotonic
        self._root = root
        self._meter = Meter(cgroups, proc)
        if pids is None:
            psutil.cpu_percent(None)
        else:
            self.sample(0.0)  # processor time counts from here on

    def sample(self, now: float) -> tuple[Sample, ...]:
        """Each in percent of what may be used at most, or why not. Never raises."""
        return (*self._processes(now), *self._disk(now))

    def _processes(self, now: float) -> Iterator[Sample]:
        try:
            told = (
                self._machine() if self._pids is None else self._meter.read(self._pids(), self._monotonic())
            )
        except Exception as error:  # a signal never raises: what went wrong is the reason
            reason = _in_words(error)
            told = dict.fromkeys(SIGNALS if self._pids else SIGNALS[:2], reason)
        for signal, found in told.items():
            yield _sample(signal, now, found)

    def _machine(self) -> dict[str, float | str]:
        return {"cpu": psutil.cpu_percent(None), "memory": psutil.virtual_memory().percent}

    def _disk(self, now: float) -> Iterator[Sample]:
        if self._root is None:
            return
        there = next((one for one in (self._root, *self._root.parents) if one.exists()), self._root)
        try:
            yield Sample("disk", now, value=psutil.disk_usage(str(there)).percent)
        except Exception as error:
            yield Sample("disk", now, missing=_in_words(error))


def _sample(signal: str, now: float, found: float | str) -> Sample:
    if isinstance(found, str):
        return Sample(signal, now, missing=found)
    return Sample(signal, now, value=found)


def _in_words(error: Exception) -> str:
    return str(error).partition("\n")[0] or repr(error)
