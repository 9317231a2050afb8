"""What was written down of a release's traffic before now, and what is usual at this hour of the week."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mobius.adapters.signals.traffic import ROUTE
from mobius.adapters.signals.usual import UsualHours, tells_enough
from mobius.host.history import FILE
from mobius.host.lines import BLOCK_S, read_lines
from mobius.host.usual import usual_beside
from mobius.model.baseline import Baseline, Block, added
from mobius.model.sample import BUCKETS

NEAR_S, FAR_S = 3600.0, 86_400.0  # an hour is like now; a day has more of what is rare
Noted = tuple[float, Block]  # until when, and what
ENOUGH = 12_000  # requests in the last hour that need no help from the day before (200 a minute)


def recorded(
    run: Path, release_id: str, until: float, *, files: Sequence[str] = (FILE,)
) -> dict[str, Baseline]:
    """The traffic of this release in the hour before `until` (unix seconds), by signal: all of it ("traffic"), and each
    critical route ("route:/api"). Where there was little, that of the day before it, too. Where this hour of the week
    is usually worse than that, errors or times are those of such an hour. Where the release has little of its own, the
    releases before it stand in, and where nothing was noted for a day, these hours of the weeks before. Of several
    files the first that knows anything is asked alone. Empty where nothing was written down."""
    return next((found for file in files if (found := _recorded(run, release_id, until, file))), {})


def _recorded(run: Path, release_id: str, until: float, file: str) -> dict[str, Baseline]:
    own: dict[str, list[Noted]] = {}
    all_together: dict[str, list[Noted]] = {}
    for line in read_lines(run / file, until - FAR_S, until):
        of_all: dict[str, list[Block]] = {}
        for release, counted in line.releases.items():
            for signal, block in _blocks(counted):
                of_all.setdefault(signal, []).append(block)
                if release == release_id:
                    own.setdefault(signal, []).append((line.at, block))
        for signal, blocks in of_all.items():
            all_together.setdefault(signal, []).append((line.at, added(blocks)))
    usual = UsualHours(usual_beside(run / file), until, block_of)
    found: dict[str, Baseline] = {}
    for signal in {**all_together, **dict.fromkeys(usual.signals)}:
        known = _baseline(own.get(signal, []), until, "")
        if not tells_enough(known):
            others = _baseline(all_together.get(signal, []), until, ", with the releases before it")
            known = others if tells_enough(others) else known
        if (known := usual.beside(signal, known)) is not None:
            found[signal] = known
    return found


def _baseline(there: list[Noted], until: float, whose: str) -> Baseline | None:
    near = [block for at, block in there if at > until - NEAR_S]
    if sum(block.requests for block in near) >= ENOUGH:
        last_hour = Baseline.of(near, BLOCK_S, f"its last hour{whose}")
        return replace(last_hour, hours=_hours(there, until))
    return Baseline.of([block for _, block in there], BLOCK_S, f"its last day{whose}") if there else None


def _hours(there: list[Noted], until: float) -> tuple[tuple[Block, ...], ...]:
    by_hour: dict[int, list[Block]] = {}
    for at, block in there:
        by_hour.setdefault(int((until - at) // NEAR_S), []).append(block)
    return tuple(tuple(blocks) for _, blocks in sorted(by_hour.items(), reverse=True))


def _blocks(counted: Any) -> Iterator[tuple[str, Block]]:
    """Nothing for what is no count: a file that somebody else wrote into stops no deployment."""
    if not isinstance(counted, dict):
        return
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, OverflowError):
        yield "traffic", block_of(counted)
        for route, one in counted.get("routes", {}).items():
            yield f"{ROUTE}{route}", block_of(one)


def block_of(counted: Mapping[str, Any]) -> Block:
    """The counts as a block. Raises ValueError, KeyError, TypeError or OverflowError for what is none."""
    histogram = [0] * BUCKETS
    for bucket, many in counted["histogram"].items():
        histogram[min(int(bucket), BUCKETS - 1)] += int(many)
    requests, errors = int(counted["requests"]), int(counted["errors"])
    if min(requests, errors, *histogram) < 0:
        raise ValueError("no count of requests")
    return Block(requests, errors, tuple(histogram))
