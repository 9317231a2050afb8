"""Who is to be told next of an alert that nobody has acknowledged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mobius.model.notices import EscalationSettings
from mobius.model.run import Event

ACKNOWLEDGED, ESCALATED = "acknowledged", "escalated"
# What people do about an alert. What a runner does by itself answers nothing.
ANSWERS = (
    ACKNOWLEDGED,
    "disarmed",
    "accepted",
    "run queued",
    "rollback begun",
    "run begun",
    "run ended",
    "page",
)
_BY_PEOPLE = ("deploy", "rollback", "restart")


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that nobody has answered."""

    id: int  # of the outbox's row
    seq: int
    run_id: int
    at: float
    message: str


@dataclass(frozen=True, slots=True)
class Due:
    """Tell this step, for the alert. `step` counts from 0; past the last one it is told again, `again` times by now."""

    alert: Alert
    step: int
    again: int = 0

    @property
    def key(self) -> str:
        """What makes it said once."""
        return f"{self.alert.id}:{self.step}:{self.again}"


def is_answer(event: Event, kinds: Mapping[int, str]) -> bool:
    """Whether this event is somebody acting on what they were told. `kinds`: of runs, by their number."""
    data = event.data
    match event.kind:
        case "acknowledged" | "disarmed":
            return True
        case "accepted":
            return data.get("by") != "the window"
        case "run queued":
            return kinds.get(event.run_id) in _BY_PEOPLE
        case "rollback begun" | "run ended" | "page":
            return event.message.startswith("aborted by ") or str(data.get("because", "")).startswith(
                "aborted by "
            )
        case "run begun":
            return event.message.startswith("a person answered")
        case _:
            return False


def unanswered(alerts: Sequence[Alert], answers: Sequence[Event]) -> tuple[Alert, ...]:
    """Those that nobody has acted on since. An acknowledgement is of its alert and all of that run before it; any other
    act answers every alert before it."""
    left = []
    for alert in alerts:
        after = [event for event in answers if event.seq > alert.seq]
        if not any(_is_of(event, alert) for event in after):
            left.append(alert)
    return tuple(left)


def _is_of(event: Event, alert: Alert) -> bool:
    if event.kind != ACKNOWLEDGED:
        return True
    return bool(event.data.get("all")) or event.data.get("of_run") == alert.run_id


def next_due(
    alerts: Sequence[Alert],
    escalated: Sequence[Event],
    settings: EscalationSettings,
    repeat_s: float,
    now: float,
) -> tuple[Due | None, float]:
    """What is to be told now, if anything, and when to look again (0: not before something new). The oldest alert that
    is open leads; those after it are told of with it."""
    if not alerts:
        return None, 0.0
    first = alerts[0]
    told = [event for event in escalated if event.data.get("alert") == first.id]
    if not told:
        if settings.steps:
            return Due(first, 0), 0.0
        at = first.at + repeat_s
        return (Due(first, 0), 0.0) if now >= at else (None, at)
    last = max(told, key=lambda event: event.seq)
    step, again = int(last.data.get("step", 0)), int(last.data.get("again", 0))
    if settings.steps and step + 1 < len(settings.steps) and not again:
        at, due = last.at + settings.steps[min(step, len(settings.steps) - 1)].wait_s, Due(first, step + 1)
    else:
        at, due = last.at + repeat_s, Due(first, step, again + 1)
    return (due, 0.0) if now >= at else (None, at)
