"""What the front door wrote down of a release's traffic before now."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mobius.adapters.signals.traffic import ROUTE
from mobius.host.history import FILE
from mobius.host.lines import BLOCK_S, read_lines
from mobius.model.baseline import Baseline, Block
from mobius.model.sample import BUCKETS

NEAR_S, FAR_S = 3600.0, 86_400.0  # an hour is like now; a day has more of what is rare
ENOUGH = 12_000  # requests in the last hour that need no help from the day before (200 a minute)


def recorded(run: Path, release_id: str, until: float) -> dict[str, Baseline]:
    """The traffic of this release in the hour before `until` (unix seconds), by signal: all of it ("traffic"), and each
    critical route ("route:/api"). Where there was little, that of the day before it, too. Empty where nothing was
    written down."""
    there: dict[str, list[tuple[float, Block]]] = {}
    for line in read_lines(run / FILE, until - FAR_S, until):
        for signal, block in _blocks(line.releases.get(release_id)):
            there.setdefault(signal, []).append((line.at, block))
    found = {signal: _baseline(blocks, until) for signal, blocks in there.items()}
    return {signal: baseline for signal, baseline in found.items() if baseline is not None}


def _baseline(there: list[tuple[float, Block]], until: float) -> Baseline | None:
    near = [block for at, block in there if at > until - NEAR_S]
    if sum(block.requests for block in near) >= ENOUGH:
        return Baseline.of(near, BLOCK_S)
    return Baseline.of([block for _, block in there], BLOCK_S) if there else None


def _blocks(counted: Any) -> Iterator[tuple[str, Block]]:
    """Nothing for what is no count: a file that somebody else wrote into stops no deployment."""
    if not isinstance(counted, dict):
        return
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, OverflowError):
        yield "traffic", _block(counted)
        for route, one in counted.get("routes", {}).items():
            yield f"{ROUTE}{route}", _block(one)


def _block(counted: dict[str, Any]) -> Block:
    histogram = [0] * BUCKETS
    for bucket, many in counted["histogram"].items():
        histogram[min(int(bucket), BUCKETS - 1)] += int(many)
    requests, errors = int(counted["requests"]), int(counted["errors"])
    if min(requests, errors, *histogram) < 0:
        raise ValueError("no count of requests")
    return Block(requests, errors, tuple(histogram))
