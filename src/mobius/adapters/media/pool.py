"""Measures films on this machine, several at a time, each in a process of its own."""

from __future__ import annotations

import os
import queue
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mobius.adapters.media import child
from mobius.adapters.media.child import Limits
from mobius.adapters.media.lane import Lane
from mobius.errors import Interrupted

USUAL = Limits()
STOPPED = ("stopped measuring", "measure again: what was measured is known and is not measured twice")


class PoolExecutor:
    """So many lanes; as many as there are processors for us where it is 0."""

    def __init__(self, lanes: int = 0, limits: Limits = USUAL) -> None:
        self.lanes = lanes or processors()
        self._lanes = [_lane(limits) for _ in range(self.lanes)]
        self._free: queue.LifoQueue[Lane | ColdLane] = queue.LifoQueue()
        self._is_over = False
        for lane in reversed(self._lanes):
            self._free.put(lane)

    def meter(self) -> Mapping[str, Any]:
        lane = self._free.get()
        try:
            return lane.meter()
        finally:
            self._free.put(lane)

    def ask(self, job: str, file: Path, options: Mapping[str, Any], cwd: str = "") -> Any:
        lane = self._free.get()
        try:
            if self._is_over:
                raise Interrupted(*STOPPED)
            return lane.ask(job, file, options, cwd)
        except Exception as problem:
            if self._is_over:  # it was ended by us
                raise Interrupted(*STOPPED) from problem
            raise
        finally:
            if self._is_over:
                lane.close()
            self._free.put(lane)

    def __enter__(self) -> PoolExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        for lane in self._lanes:
            lane.kill()
        over = [self._free.get() for _ in self._lanes]  # each is free as soon as what it measured is gone
        for lane in over:
            lane.close()
            self._free.put(lane)


class ColdLane:
    """Where processes cannot be forked (Windows): one is started for each file."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def meter(self) -> Mapping[str, Any]:
        told: Mapping[str, Any] = child.ask("meter", Path(), {}, self._limits)
        return told

    def ask(self, job: str, file: Path, options: Mapping[str, Any], cwd: str = "") -> Any:
        return child.ask(job, file, options, self._limits, cwd)

    def kill(self) -> None:
        """It ends with its own limits."""

    def close(self) -> None:
        """Nothing is kept."""


def processors() -> int:
    """How many we may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _lane(limits: Limits) -> Lane | ColdLane:
    return Lane(limits) if hasattr(os, "fork") else ColdLane(limits)
