"""How right a watch was: its windows, what it said of each, and what people did with the release."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """What became of the release of a window."""

    HEALTHY = "healthy"  # accepted, and nobody took it back within a day
    TAKEN_BACK = "taken back"  # by a person
    ACTED_ON = "acted on"  # by the watch itself: whether it was right, nobody can say any more
    UNKNOWN = "unknown"  # superseded, never decided, or not a day ago


@dataclass(frozen=True, slots=True)
class ScoredWindow:
    """`alarm_at`: when the watch first said no (0: never), by `rule`, with its `sentence`. `taken_back_at`: when a
    person did."""

    run_id: int
    tag: str
    opened_at: float
    fate: Fate
    alarm_at: float = 0.0
    rule: str = ""
    sentence: str = ""
    taken_back_at: float = 0.0

    @property
    def seen_before_s(self) -> float | None:
        """How much earlier than the person the watch said no; None where it did not, or later."""
        is_seen = self.fate is Fate.TAKEN_BACK and 0 < self.alarm_at <= self.taken_back_at
        return self.taken_back_at - self.alarm_at if is_seen else None


@dataclass(frozen=True, slots=True)
class Score:
    """Over all windows. `false_pct`: false alarms in percent of the healthy windows with an interval of 95 % (Clopper
    and Pearson); None without a healthy one."""

    windows: tuple[ScoredWindow, ...]
    healthy: int
    false_alarms: int
    taken_back: int
    seen: int
    earlier_s: tuple[float, ...]  # of the seen ones, by how much
    false_pct: tuple[float, float, float] | None  # lowest, seen, highest
    advice: str
