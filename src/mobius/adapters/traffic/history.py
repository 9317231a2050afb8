"""Who received requests from when on, written down beside the switches, so that a log of requests can be read.

A proxy that dials `<root>/live/web.sock` writes the same address for every release into its access log. Which
release answered a line is told by when it was dialled, against this file: `<root>/run/switches.jsonl`. Whoever
moves `live` (a switch, a hold, its end) does so inside `switching`, which writes one line before and one after:

    {"begun": 1700000000.001, "via": "blue", "weights": {"blue": 100}, "releases": {"blue": "v1-…"}}
    {"done": 1700000000.004, "via": "blue", "weights": {"blue": 100}, "releases": {"blue": "v1-…"}}

`via` is the slot whose own socket the proxy dials, or "door" when it dials our front door (which counts those
requests itself, by release). Between `begun` and `done`, and after a `begun` without its `done` (a kill), nobody
can tell; the next `done` ends that.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

DOOR = "door"
LARGEST_BYTES = 256 * 1024  # about 1,000 switches; past this the older half goes


@dataclass(frozen=True, slots=True)
class Standing:
    """What held from `done` on; until then, since `begun`, it may or may not have held. Unix seconds.

    `done` is infinity while nobody said that it was.
    """

    begun: float
    done: float
    via: str  # a slot, or "door"; "" when nothing was live
    weights: Mapping[str, int] = field(default_factory=dict)
    releases: Mapping[str, str] = field(default_factory=dict)  # slot to release id

    @property
    def is_done(self) -> bool:
        """Whether the act is known to have ended."""
        return self.done != float("inf")


def history_file(root: Path) -> Path:
    """Where it is written."""
    return root / "run" / "switches.jsonl"


@contextlib.contextmanager
def switching(
    root: Path,
    *,
    via: str,
    weights: Mapping[str, int],
    releases: Mapping[str, str],
    now: Callable[[], float] = time.time,
) -> Iterator[None]:
    """Moves `live` inside the `with`. Ending by an exception writes no `done`: nobody knows how far it came.

    Never raises for itself: a disk that is full must not keep anybody from going back. The reader compares the
    newest line with what is live now, and measures nothing while they differ.
    """
    held = {"via": via, "weights": dict(weights), "releases": dict(releases)}
    _append(history_file(root), {"begun": now(), **held})
    yield
    _append(history_file(root), {"done": now(), **held})


def read_history(root: Path) -> tuple[Standing, ...]:
    """Oldest first, each with both its times. Lines that are torn or not ours are left out; none is no error.

    Times that fall (the clock was set back) cannot be compared with older ones, so what lies before is left out.
    """
    try:
        text = history_file(root).read_bytes()
    except OSError:
        return ()
    found: list[Standing] = []
    for line in text.split(b"\n"):
        read = _standing(line)
        if read is None:
            continue
        finishes = bool(found) and not found[-1].is_done and read.is_done and _same(found[-1], read)
        if finishes:
            begun = found.pop().begun
            read = replace(read, begun=min(begun, read.done))
        elif found and read.begun < found[-1].begun:
            found.clear()
        found.append(read)
    return tuple(found)


def _standing(line: bytes) -> Standing | None:
    try:
        held = json.loads(line)
        at = float(held["done"] if "done" in held else held["begun"])
        weights = {str(slot): int(weight) for slot, weight in held["weights"].items()}
        releases = {str(slot): str(release) for slot, release in held["releases"].items()}
        done = at if "done" in held else float("inf")
        return Standing(at, done, str(held["via"]), weights, releases)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def _same(one: Standing, other: Standing) -> bool:
    return (one.via, one.weights, one.releases) == (other.via, other.weights, other.releases)


def _append(path: Path, record: Mapping[str, Any]) -> None:
    """One write, on its own line also after a torn one; what cannot be written is not."""
    line = b"\n" + json.dumps(record, sort_keys=True).encode() + b"\n"
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        _shorten(path)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)


def _shorten(path: Path) -> None:
    """Keeps the newer half of a file that has grown too large; whoever reads sees the old or the new one."""
    if not path.exists() or path.stat().st_size < LARGEST_BYTES:
        return
    kept = path.read_bytes()[-LARGEST_BYTES // 2 :].partition(b"\n")[2]
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(kept)
    fresh.chmod(0o600)
    fresh.replace(path)
