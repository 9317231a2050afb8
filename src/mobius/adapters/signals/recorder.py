"""Notes what a release does where the supervisor does not see it: requests that a proxy sends straight to it, and what
its processes use where systemd runs them.

Of traffic a line each half minute goes to `run/counted.jsonl`, of use to `run/gauges.jsonl`, as the supervisor's own
(`mobius.host.lines`). Whoever calls first holds a lock for as long as it lives, so that nothing is noted twice.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from mobius.errors import MobiusError
from mobius.host import file_lock
from mobius.host.gauges import GaugeNotes
from mobius.host.history import added
from mobius.host.lines import BLOCK_S, Json, write_line
from mobius.host.usual import LOOK_EVERY_S, note_hours
from mobius.ports import Clock, Counters, Target, Traffic

FILE = "counted.jsonl"
LOCK = "counted.lock"

Live = Callable[[], Mapping[str, Sequence[int]]]
Read = Callable[[], Mapping[str, Counters]]


class Recorder:
    """`counting` begins to count and gives what reads the counts (None: nobody counts); `live` names the release that
    gets all requests, with its processes (None: the supervisor notes what they use)."""

    def __init__(
        self, run: Path, clock: Clock, *, counting: Callable[[], Read | None] | None, live: Live | None
    ) -> None:
        self._run, self._clock = run, clock
        self._counting, self._live = counting, live
        self._read: Read | None = None
        self._lock: IO[bytes] | None = None
        self._gauges = GaugeNotes(run)
        self._before: Json | None = None
        self._told: set[type[Exception]] = set()
        self._since = self._noted_at = self._hours_at = float("-inf")

    def note(self) -> None:
        """What came since the note before, where that is half a minute ago; may be called as often as one likes. What
        cannot be read or written is a gap. Never raises for it."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        if monotonic < self._noted_at + BLOCK_S or not self._is_ours():
            return
        self._noted_at = monotonic
        live = self._live
        if live is not None:
            self._try(lambda: self._gauges.note(live(), now, monotonic))
        if self._counting is not None:
            self._try(lambda: self._note_traffic(now, monotonic))
            if monotonic >= self._hours_at + LOOK_EVERY_S:
                self._hours_at = monotonic
                self._try(lambda: note_hours(self._run / FILE, now))

    def _try(self, act: Callable[[], object]) -> None:
        """What the world does is a gap; what nobody foresaw is said once, too."""
        try:
            act()
        except (MobiusError, OSError):
            pass
        except Exception as error:
            if type(error) not in self._told:
                self._told.add(type(error))
                print(f"notes of what is usual: a round is left out: {error!r}", file=sys.stderr, flush=True)

    def _note_traffic(self, now: float, monotonic: float) -> None:
        if self._read is None:
            self._read = self._counting() if self._counting else None
        if self._read is None:
            return
        counted = {release: _as_json(counters) for release, counters in self._read().items()}
        if self._before is not None:
            line = {"took_s": round(monotonic - self._since, 2), "releases": added(self._before, counted)}
            write_line(self._run / FILE, {"at": round(now, 1), **line})
        self._before, self._since = counted, monotonic

    def _is_ours(self) -> bool:
        if self._lock is not None:
            return True
        try:
            lock = open(self._run / LOCK, "wb")  # noqa: SIM115, held for as long as this process lives
        except OSError:
            return False
        taken = False
        with suppress(OSError):
            taken = file_lock.lock(lock.fileno(), shared=False)
        if not taken:
            lock.close()
            return False
        self._lock = lock
        return True


def live_alone(traffic: Traffic, target: Target) -> Mapping[str, Sequence[int]]:
    """The release that gets all requests, and its processes; empty while two share them."""
    named = [slot for slot, weight in traffic.weights().items() if weight > 0]
    if len(named) != 1:
        return {}
    there = [one for one in target.processes() if one.slot == named[0] and one.pid and not one.host]
    return {
        release: [one.pid for one in there if one.release_id == release]
        for release in {o.release_id for o in there}
    }


def _as_json(counters: Counters) -> Json:
    """As the front door tells it."""
    return {
        "requests": counters.requests,
        "errors_5xx": counters.errors,
        "errors_door": 0,
        "histogram": list(counters.histogram),
        "routes": {
            route: {"requests": one.requests, "errors": one.errors, "histogram": list(one.histogram)}
            for route, one in counters.routes.items()
        },
    }
