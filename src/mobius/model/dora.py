"""The four figures by which delivery is compared, from our own history, each with how many it was drawn from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One deployment as the journal knows it; times in unix seconds, 0 where there is none.

    `reached_at`: users first met it. `live_at`: it got all traffic. `committed_at`: its commit was made, 0 where the
    journal does not know. `failed_because`: why it counts as failed, "" where it does not. `back_at`: all traffic was
    with a good release again.
    """

    run_id: int
    release_id: str
    reached_at: float = 0.0
    live_at: float = 0.0
    committed_at: float = 0.0
    failed_because: str = ""
    back_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with the interval that holds the true one 19 times of 20, and the sample it comes from. `value` None:
    it cannot be known, and `why_not` says why; `low` and `high` None: too few for an interval."""

    value: float | None
    low: float | None
    high: float | None
    sample: int
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Dora:
    """Of one environment from `since` to `until` (unix seconds). `per_day`; `lead_s`, `recovery_s`: medians in
    seconds; `failed_pct`: percent. `stopped`: deployments that ended before any user met them, which no figure has."""

    since: float
    until: float
    deployments: int
    failed: int
    stopped: int
    per_day: Figure
    lead_s: Figure
    failed_pct: Figure
    recovery_s: Figure
    notes: tuple[str, ...] = ()
