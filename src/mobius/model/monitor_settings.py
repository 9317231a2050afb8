"""How often a window looks, and what it forgives."""

from __future__ import annotations

from dataclasses import dataclass, replace

MOST_FORGIVEN = 0.25  # of a window, as one bad moment


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """How often the live release is looked at, and how many looks in a row change its state.

    `blip_tolerance_s`: outages up to this long are forgiven (0: none), in a short window less. `blind_after_s`:
    nothing measured for so long is the verdict ERROR; None for five intervals, at least a minute. `smoke_interval_s`:
    between two rounds of the smoke tests in a window (0: none). `shadow`: judge, keep score, never act.
    """

    interval_s: float = 30.0
    failure_threshold: int = 3
    recovery_threshold: int = 5
    warmup_s: float | None = None
    blip_tolerance_s: float = 30.0
    blind_after_s: float | None = None
    smoke_interval_s: float = 300.0
    shadow: bool = False

    @property
    def effective_warmup_s(self) -> float:
        """Seconds after the switch in which no rule may fire: two intervals, unless said."""
        return 2 * self.interval_s if self.warmup_s is None else self.warmup_s

    def within(self, window_s: float) -> MonitorSettings:
        """The same for a window of so many seconds: no more than a quarter of it is forgiven, or what is bad from its
        first second on would be accepted at its end."""
        return replace(self, blip_tolerance_s=min(self.blip_tolerance_s, MOST_FORGIVEN * window_s))
