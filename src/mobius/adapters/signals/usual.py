"""This hour of the week in the weeks before: what a release is held against at an hour it has not lived through yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mobius.host.usual import HOUR_S, WEEK_H, WEEKS, read_hours
from mobius.model.baseline import Baseline, Block

AHEAD_H = 2  # hours of a window that are compared: the one it begins in and the next
AROUND_H = 1  # where they stand in for a release, the hours beside them do, too
LEAST_WEEKS = 2  # one week alone may have been a bad one
LEAST_REQUESTS, LEAST_BLOCKS = 100, 5  # with less the release itself tells nothing
SLOW = 0.95


class UsualHours:
    """The hours in `path` that are alike to the one that begins at `until` (unix seconds)."""

    def __init__(self, path: Path, until: float, block_of: Callable[[Mapping[str, Any]], Block]) -> None:
        now = int(until // HOUR_S)
        # By hour of the window, what it was in each week; of the whole neighbourhood, one after the other.
        self._alike: list[dict[str, list[Block]]] = [{} for _ in range(AHEAD_H)]
        self._around: dict[str, list[Block]] = {}
        for hour in read_hours(path):
            ahead = (hour.number - now) % WEEK_H
            if not 0 < now - hour.number + ahead <= WEEKS * WEEK_H or hour.number >= now:
                continue
            for signal, counted in hour.signals.items():
                try:
                    block = block_of(counted)
                except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
                    continue
                if ahead < AHEAD_H:
                    self._alike[ahead].setdefault(signal, []).append(block)
                if ahead < AHEAD_H + AROUND_H or ahead >= WEEK_H - AROUND_H:
                    self._around.setdefault(signal, []).append(block)

    @property
    def signals(self) -> tuple[str, ...]:
        """Of what there is anything."""
        return tuple(self._around)

    def beside(self, signal: str, own: Baseline | None) -> Baseline | None:
        """The release's own, made worse where these hours usually are; they alone where it has too little."""
        if own is not None and tells_enough(own):
            return self._worse_of_both(signal, own)
        there = Baseline.of(self._around.get(signal, []), float(HOUR_S), "these hours of the weeks before")
        return there if tells_enough(there) else own

    def _worse_of_both(self, signal: str, own: Baseline) -> Baseline:
        """Errors and times each from where they are worse: a change that comes with the hour is none of the release."""
        total, weeks = own.total, 0
        edge = _bucket_of(total.histogram)
        for alike in self._alike:
            there = [one for one in alike.get(signal, []) if one.requests >= LEAST_REQUESTS]
            if len(there) < LEAST_WEEKS:
                continue
            failing = sorted(there, key=_failed)[(len(there) - 1) // 2]  # the lower one of the middle
            if _failed(failing) > _failed(total):
                total, weeks = replace(total, requests=failing.requests, errors=failing.errors), len(there)
            timed = sorted((one for one in there if sum(one.histogram)), key=lambda one: _slower(one, edge))
            if len(timed) >= LEAST_WEEKS and total.histogram:
                slow = timed[(len(timed) - 1) // 2]
                if _slower(slow, edge) > _slower(total, edge):
                    total, weeks = replace(total, histogram=slow.histogram), len(timed)
        if not weeks:
            return own
        return replace(own, total=total, known_by=f"{own.known_by}, and these hours of {weeks} weeks")


def tells_enough(baseline: Baseline | None) -> bool:
    """Whether so much was seen that something can be held against it."""
    return (
        baseline is not None
        and len(baseline.blocks) >= LEAST_BLOCKS
        and baseline.total.requests >= LEAST_REQUESTS
    )


def _failed(block: Block) -> float:
    return block.errors / block.requests if block.requests else 0.0


def _slower(block: Block, edge: int) -> float:
    of = sum(block.histogram)
    return sum(block.histogram[edge + 1 :]) / of if of else 0.0


def _bucket_of(histogram: tuple[int, ...]) -> int:
    wanted, seen = SLOW * sum(histogram), 0
    for index, count in enumerate(histogram):
        seen += count
        if seen >= wanted:
            return index
    return 0
