"""A stream of measurements: each is a value, or the reason there is none."""

from __future__ import annotations

from dataclasses import dataclass

# Upper edges of the latency buckets in milliseconds, each 25 % above the last: 1 ms to 36 s. A histogram has one
# bucket more than there are edges; the last holds everything slower. 25 % is how finely a percentile can be read.
HISTOGRAM_EDGES_MS: tuple[float, ...] = tuple(round(1.25**step, 3) for step in range(48))
BUCKETS = len(HISTOGRAM_EDGES_MS) + 1

WAITING = "waiting"  # the note of a missing sample: there is nothing to look at yet, and nothing is wrong


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of one signal at one time.

    `ok` answers a yes/no signal (probe, gate, smoke); `value` is a number (ms of a probe, percent of a
    resource); `requests`, `errors` and `histogram` count real traffic since the sample before. `missing`
    is the reason there is none; a missing sample is never health.
    """

    signal: str  # "probe", "traffic", "cpu", "memory", "gate:NAME", "smoke"
    at: float  # unix seconds
    ok: bool | None = None
    value: float | None = None
    requests: int = 0
    errors: int = 0
    histogram: tuple[int, ...] = ()
    missing: str = ""
    note: str = ""  # why a probe failed, which gate said what


def quantile_ms(histogram: tuple[int, ...], q: float) -> float | None:
    """The upper edge of the bucket that holds quantile `q` (0 to 1), in ms; None without requests.

    Beyond the last edge (36 s) the last edge is the answer: a lower bound there.
    """
    total = sum(histogram)
    if total == 0:
        return None
    rank, seen = q * total, 0
    for edge, count in zip(HISTOGRAM_EDGES_MS, histogram, strict=False):
        seen += count
        if seen >= rank:
            return edge
    return HISTOGRAM_EDGES_MS[-1]
