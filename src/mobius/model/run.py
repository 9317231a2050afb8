"""One execution of a plan, what it wrote down, and who was doing it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mobius.model.plan import Plan


class RunState(StrEnum):
    """Where a run stands. The ended ones are final."""

    QUEUED = "queued"  # written down, its runner has not begun
    RUNNING = "running"  # steps forward
    OBSERVING = "observing"  # the window is open; any newer act may take over
    ROLLING_BACK = "rolling back"
    NEEDS_OPERATOR = "needs a person"  # stopped where only a person can choose
    ACCEPTED = "accepted"
    ROLLED_BACK = "rolled back"
    REFUSED = "refused"  # a gate said no before any effect
    SUPERSEDED = "superseded"  # a newer run took over its window
    ABORTED = "aborted"
    INCONCLUSIVE = "inconclusive"  # the window ended without enough data: kept warm, never accepted
    FAILED = "failed"  # taking back failed


ENDED = frozenset(
    {
        RunState.ACCEPTED,
        RunState.ROLLED_BACK,
        RunState.REFUSED,
        RunState.SUPERSEDED,
        RunState.ABORTED,
        RunState.INCONCLUSIVE,
        RunState.FAILED,
    }
)
PREEMPTIBLE = frozenset({RunState.OBSERVING, RunState.NEEDS_OPERATOR})


@dataclass(frozen=True, slots=True)
class Holder:
    """Who acts: shown to whoever finds the environment locked."""

    user: str
    host: str
    pid: int
    since: float  # unix seconds
    boot_id: str = ""

    def __str__(self) -> str:
        return f"{self.user}@{self.host} (pid {self.pid})"


@dataclass(frozen=True, slots=True)
class Run:
    """A plan being executed. `token` is the fencing token: a higher one has taken over."""

    id: int
    environment: str
    kind: str
    state: RunState
    token: int
    plan: Plan
    lead: str  # deploy lead
    started_at: float
    ended_at: float = 0.0
    window_opened_at: float = 0.0
    window_deadline: float = 0.0  # unix seconds, absolute
    exit_code: int = 0
    sentence: str = ""  # how it stands, in one sentence
    holder: Holder | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen in this run."""
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class StepRecord:
    """`begun` is written before the effect and `done` after; a begun without done is observed, not repeated."""

    run_id: int
    step_id: str
    attempt: int
    begun_at: float
    done_at: float = 0.0
    failed: str = ""
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        """Whether its effect is known to have happened."""
        return self.done_at > 0


@dataclass(frozen=True, slots=True)
class Event:
    """One line of what happened. `hash` chains it to the one before, so that no line can vanish unseen."""

    seq: int
    run_id: int  # 0 for what happens outside a run
    at: float
    kind: str  # "run started", "step begun", "switched", "verdict", "page" …
    message: str
    data: dict[str, Any] = field(default_factory=dict)
    who: str = ""
    previous_hash: str = ""
    hash: str = ""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message that must reach a person, written with the change it tells of."""

    id: int
    event_seq: int
    topic: str  # "started", "succeeded", "failed", "rolled back", "alert"
    payload: dict[str, Any]
    created_at: float
    sent_at: float = 0.0
    attempts: int = 0
    last_error: str = ""
