"""What is usual at this hour of the week: requests, errors and times of each hour of the last four weeks.

One small file of JSON beside the notes it is made of (`mobius.host.lines`), made anew from them whenever an hour has
ended: whoever does it twice, or after a crash, does no harm. Hours are those of UTC.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobius.host.lines import read_lines
from mobius.host.state import write_atomically

HOUR_S, WEEK_H, WEEKS = 3600, 168, 4
HALF_AN_HOUR = 60  # half minutes: an hour of which less was seen is not known
ROUTES = 8  # those with the most requests
LARGEST_BYTES = 1_000_000
LOOK_EVERY_S = 600.0
WHOLE, ROUTE = "traffic", "route:"

# What was counted: requests, errors, histogram (its empty buckets left out) and the half minutes it was counted in.
Counted = dict[str, Any]
Hours = dict[int, dict[str, Counted]]  # by hour since 1970, then by signal


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of the past, by signal."""

    number: int  # since 1970
    signals: Mapping[str, Counted]


def usual_beside(lines: Path) -> Path:
    """Where the usual hours of these notes stand."""
    return lines.with_name(f"{lines.stem}.usual.json")


def note_hours(lines: Path, now: float) -> int:
    """Adds the hours that have ended since; how many they were. Raises OSError. What is too old goes when its place is
    needed, and never by the clock: one that is wrong for a moment must not cost four weeks."""
    import fcntl

    with open(lines.with_name(f"{lines.stem}.usual.lock"), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        there: Hours = {hour.number: dict(hour.signals) for hour in read_hours(usual_beside(lines))}
        ended = _ended(lines, int(now // HOUR_S))
        fresh = {number: signals for number, signals in ended.items() if number not in there}
        if fresh:
            newest = sorted({**there, **fresh}.items())[-WEEKS * WEEK_H :]
            write_atomically(usual_beside(lines), _fitting(dict(newest)))
        return len(fresh)


def read_hours(path: Path) -> Iterator[Hour]:
    """The hours, oldest first; none where there is no such file, and without what is no count."""
    try:
        told = json.loads(path.read_bytes())["hours"].items()
        numbered = sorted((int(number), signals) for number, signals in told)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return
    for number, signals in numbered:
        if isinstance(signals, dict):
            yield Hour(number, {name: one for name, one in signals.items() if isinstance(one, dict)})


async def keep_usual(lines: Path, now: Callable[[], float], every_s: float = LOOK_EVERY_S) -> None:
    """Looks now and then whether an hour has ended. What nobody foresaw ends that round only, and is said once."""
    told: set[type[Exception]] = set()
    while True:
        await asyncio.sleep(every_s)
        try:
            with contextlib.suppress(OSError):  # a full disk: at the next look
                await asyncio.to_thread(note_hours, lines, now())
        except Exception as error:
            if type(error) not in told:
                told.add(type(error))
                print(f"usual hours: a round is left out: {error!r}", file=sys.stderr, flush=True)


def _ended(lines: Path, this_hour: int) -> Hours:
    """What the notes of the last day tell of whole hours, all releases together."""
    hours: Hours = {}
    end = this_hour * HOUR_S
    for line in read_lines(lines, end - 24 * HOUR_S, end - 0.001):
        hour = hours.setdefault(int(line.at // HOUR_S), {})
        seen = [*_signals(line.releases)]
        for signal, counted in seen:
            _add(hour.setdefault(signal, {"requests": 0, "errors": 0, "histogram": {}, "blocks": 0}), counted)
        for signal in {signal for signal, _ in seen}:
            hour[signal]["blocks"] += 1
    return {
        number: signals
        for number, signals in hours.items()
        if signals.get(WHOLE, {}).get("blocks", 0) >= HALF_AN_HOUR
    }


def _signals(releases: Mapping[str, Any]) -> Iterator[tuple[str, Counted]]:
    for counted in releases.values():
        if not isinstance(counted, dict):
            continue
        yield WHOLE, counted
        routes = counted.get("routes", {})
        for route, one in routes.items() if isinstance(routes, dict) else ():
            yield f"{ROUTE}{route}", one


def _add(total: Counted, counted: Any) -> None:
    """Nothing of what is no count."""
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, OverflowError):
        requests, errors = int(counted["requests"]), int(counted["errors"])
        histogram = {str(int(bucket)): int(many) for bucket, many in counted["histogram"].items()}
        if min(requests, errors, *histogram.values()) < 0:
            return
        total["requests"] += requests
        total["errors"] += errors
        for bucket, many in histogram.items():
            total["histogram"][bucket] = total["histogram"].get(bucket, 0) + many


def _fitting(hours: Hours) -> dict[str, Any]:
    """The busiest routes only, and fewer weeks where the file would grow too large."""
    chosen = {number: _busiest(signals) for number, signals in sorted(hours.items())}
    while len(json.dumps(chosen, separators=(",", ":"))) > LARGEST_BYTES:
        oldest = min(chosen)
        chosen = {number: signals for number, signals in chosen.items() if number >= oldest + 24}
    return {"schema_version": 1, "hours": chosen}


def _busiest(signals: Mapping[str, Counted]) -> dict[str, Counted]:
    routes = sorted((s for s in signals if s != WHOLE), key=lambda s: -int(signals[s].get("requests", 0)))
    return {signal: signals[signal] for signal in (WHOLE, *routes[:ROUTES]) if signal in signals}
