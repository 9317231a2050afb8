"""One look of a window in figures: what a live screen, a stream of JSON and `monitor_logs/` tell of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mobius.model.verdict import Outcome


@dataclass(frozen=True, slots=True)
class Figures:
    """Requests of the last minute (of two intervals, where that is longer); None where nothing was measured: nobody
    counts requests, or whoever does could not be asked. 0 requests a second were counted."""

    requests_per_s: float | None = None
    errors_pct: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Nearness:
    """One rule of the policy: how it stands, and the limit it must not pass. `share`: 1 is at the limit."""

    rule: str
    words: str  # "errors 0.2 % of 5 %"
    share: float


@dataclass(frozen=True, slots=True)
class Tick:
    """`checks`, `requests` and their failures are of the whole window. `traffic`: by signal ("traffic", "route:/api",
    "control": what the release before answers). `gauges`: the last value of each (percent for cpu, memory, fds, disk).
    `evidence`: by signal, how much speaks against the release, and from where on it is taken for bad. `missing`: what
    could not be measured at this look, and why. `forgiven_s`: the window is younger than the bad moment of so many
    seconds that is forgiven, so nothing counts yet (0: it does)."""

    at: float
    left_s: float
    outcome: Outcome
    sentence: str
    checks: int = 0
    failed: int = 0
    requests: int = 0
    errors: int = 0
    traffic: Mapping[str, Figures] = field(default_factory=dict)
    gauges: Mapping[str, float] = field(default_factory=dict)
    evidence: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    nearest: tuple[Nearness, ...] = ()
    issues: int = 0
    disarmed_until: float = 0.0
    missing: Mapping[str, str] = field(default_factory=dict)
    forgiven_s: float = 0.0
