"""What the live release used of processor, memory and open files, half a minute at a time, for a day and more.

One line each in `run/gauges.jsonl` (`mobius.host.lines`): what a new release's use is held against later.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mobius.host.lines import BLOCK_S, write_line
from mobius.host.slots import Slot
from mobius.host.usage import Meter

FILE = "gauges.jsonl"


def live_alone(slots: Mapping[str, Slot], weights: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """The release that gets all requests, and its processes; empty while two share them, for then each uses less than
    it would, and where somebody else runs it."""
    named = [name for name, weight in weights.items() if weight > 0]
    slot = slots.get(named[0]) if len(named) == 1 else None
    if slot is None or slot.placed is not None:
        return {}
    pids = (one.life.pid for one in slot.processes.values() if one.is_alive)
    return {slot.release: tuple(pid for pid in pids if pid)}


class GaugeNotes:
    """Reads whatever is live again and again; a release that has just become so is new to it."""

    def __init__(self, run: Path) -> None:
        self._path = run / FILE
        self._meters: dict[str, Meter] = {}
        self._since = 0.0

    def note(self, live: Mapping[str, Sequence[int]], now: float, monotonic: float) -> None:
        """Writes a line of those that were live at the call before, too. Raises OSError when it cannot."""
        took_s, self._since = monotonic - self._since, monotonic
        known, self._meters = self._meters, {name: self._meters.get(name, Meter()) for name in live}
        told = {}
        for release, pids in live.items():
            reading = self._meters[release].read(pids, monotonic)
            values = {
                signal: round(found, 3) for signal, found in reading.items() if isinstance(found, float)
            }
            if release in known and values:
                told[release] = values
        if told:
            write_line(self._path, {"at": round(now, 1), "took_s": round(took_s, 2), "releases": told})


async def keep_gauges(
    live: Callable[[], Mapping[str, Sequence[int]]], run: Path, block_s: float = BLOCK_S
) -> None:
    """Notes every `block_s` seconds what is used; what cannot be read or written is left out. What nobody foresaw ends
    that round only, and is said once."""
    notes = GaugeNotes(run)
    told: set[type[Exception]] = set()
    while True:
        await asyncio.sleep(block_s)
        try:
            with contextlib.suppress(OSError):  # a full disk: the day has a gap
                await asyncio.to_thread(notes.note, live(), time.time(), time.monotonic())
        except Exception as error:
            if type(error) not in told:
                told.add(type(error))
                print(f"history of gauges: a round is left out: {error!r}", file=sys.stderr, flush=True)
