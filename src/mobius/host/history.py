"""What the front door counted, half a minute at a time, for a day: what a new release is held against later.

One line each in `run/traffic.jsonl` (`mobius.host.lines`).
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobius.host.lines import BLOCK_S, write_line
from mobius.host.protocol import HostUnavailable

if TYPE_CHECKING:
    from mobius.host.doors import Doors

FILE = "traffic.jsonl"

Json = dict[str, Any]


async def keep_history(doors: Doors, run: Path, block_s: float = BLOCK_S) -> None:
    """Writes a line every `block_s` seconds; what cannot be read or written is left out. What nobody foresaw ends
    that round only, and is said once."""
    before: Json | None = None
    began = time.monotonic()
    told: set[type[Exception]] = set()
    while True:
        await asyncio.sleep(block_s)
        try:
            counted = await doors.counters()
            if counted["partial"]:
                continue  # with the next answer of that door all that it ever counted would be new
            now, releases = time.monotonic(), counted["releases"]
            if before is not None:
                since = {"took_s": round(now - began, 2), "releases": added(before, releases)}
                with contextlib.suppress(OSError):  # a full disk: the day has a gap
                    write_line(run / FILE, {"at": round(time.time(), 1), **since})
            before, began = releases, now
        except HostUnavailable:
            continue
        except Exception as error:
            if type(error) not in told:
                told.add(type(error))
                print(f"history of traffic: a round is left out: {error!r}", file=sys.stderr, flush=True)


def added(before: Json, counted: Json) -> Json:
    """By release, and in it by critical route, what was counted since."""
    found: Json = {}
    for release, count in counted.items():
        was = before.get(release) or {}
        since = _since(was, count, ("errors_5xx", "errors_door"))
        if since is None:
            continue
        routes = {
            route: there
            for route, one in count["routes"].items()
            if (there := _since((was.get("routes") or {}).get(route) or {}, one, ("errors",)))
        }
        found[release] = {**since, "routes": routes} if routes else since
    return found


def _since(was: Json, count: Json, errors: tuple[str, ...]) -> Json | None:
    """Requests, errors and the histogram, its empty buckets left out; None for nothing, or a door that counts anew."""
    requests = count["requests"] - was.get("requests", 0)
    failed = [count[name] - was.get(name, 0) for name in errors]
    buckets = zip_longest(count["histogram"], was.get("histogram") or (), fillvalue=0)
    added_to = {str(at): now - then for at, (now, then) in enumerate(buckets) if now != then}
    if requests <= 0 or min((*failed, *added_to.values())) < 0:
        return None
    return {"requests": requests, "errors": sum(failed), "histogram": added_to}
