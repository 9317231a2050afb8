"""Which of the waiting messages of a channel go out now, together or alone; so that a storm is a few messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mobius.model.notice_topics import topic_of
from mobius.model.notices import Delivery, NotifySettings, Topic

Group: TypeAlias = tuple[str, int]

GROUPED = frozenset({Topic.ALERT, Topic.UNSENT})
AT_MOST = 5  # more than so many waiting go out as one
MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Go out as one message, now."""

    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class Repeated:
    """Say what was said a short while ago, word for word, and need not go out at all."""

    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing goes out before this time (unix seconds)."""

    at: float


def next_batch(
    waiting: Sequence[Delivery],
    sent: Sequence[Delivery],
    settings: NotifySettings,
    per_minute: int,
    now: float,
) -> Batch | Repeated | Later | None:
    """What to do next for one channel, whose messages wait in the order of their events; None with nothing to do.
    `sent`: what went out in the last while, at least `repeat_interval_s` of it."""
    if not waiting:
        return None
    if repeated := _said_before(waiting, sent, settings, now):
        return Repeated(repeated)
    out = _messages_since(sent, now - MINUTE_S, now)
    if len(out) >= per_minute:
        return Later(min(out) + MINUTE_S)
    told = _last_told(sent, now)
    dues = {delivery.id: _due(delivery, told, settings, now) for delivery in waiting}
    due = [delivery for delivery in waiting if dues[delivery.id] <= now]
    unheard = _unheard(waiting, told, now - settings.group_interval_s)
    if not due:
        # What came after an alert that nobody was told of yet does not overtake it.
        if unheard is waiting[0] and any(_group(other) is None for other in waiting[1:]):
            return Batch(_with_its_group(waiting[0], waiting))
        return Later(min(dues.values()))
    if len(due) > AT_MOST:
        return Batch(tuple(due))
    first = unheard if unheard is not None and unheard.id < due[0].id else due[0]
    return Batch(_with_its_group(first, waiting))


def _unheard(waiting: Sequence[Delivery], told: Mapping[Group, float], since: float) -> Delivery | None:
    """The first that waits for company although its group has not been heard of since then."""
    for delivery in waiting:
        group = _group(delivery)
        if group is not None and (group not in told or told[group] <= since):
            return delivery
    return None


def _with_its_group(head: Delivery, waiting: Sequence[Delivery]) -> tuple[Delivery, ...]:
    group = _group(head)
    return (head,) if group is None else tuple(other for other in waiting if _group(other) == group)


def _group(delivery: Delivery) -> Group | None:
    """What it is about, where it may wait for others about the same; None where it goes out by itself."""
    topic = topic_of(delivery.topic, delivery.payload)
    return (str(topic), int(delivery.payload.get("run_id") or 0)) if topic in GROUPED else None


def _due(delivery: Delivery, told: Mapping[Group, float], settings: NotifySettings, now: float) -> float:
    group = _group(delivery)
    if group is None:
        return 0.0
    last = told.get(group, 0.0)
    if last and now - last < settings.group_interval_s:
        return last + settings.group_interval_s
    return min(delivery.created_at, now) + settings.group_wait_s


def _last_told(sent: Sequence[Delivery], now: float) -> dict[Group, float]:
    """When each group was last heard of. A time to come is of a clock that was set back."""
    told: dict[Group, float] = {}
    for other in sent:
        if other.sent_at <= now and (group := _group(other)) is not None:
            told[group] = max(told.get(group, 0.0), other.sent_at)
    return told


def _said_before(
    waiting: Sequence[Delivery], sent: Sequence[Delivery], settings: NotifySettings, now: float
) -> tuple[Delivery, ...]:
    since = now - settings.repeat_interval_s
    said = {_words(other) for other in sent if other.state == "sent" and since < other.sent_at <= now}
    return tuple(other for other in waiting if _group(other) is not None and _words(other) in said)


def _words(delivery: Delivery) -> tuple[Group | None, str]:
    return _group(delivery), str(delivery.payload.get("message", ""))


def _messages_since(sent: Sequence[Delivery], since: float, now: float) -> list[float]:
    """When messages went out since then, one time each however many rows they carried."""
    times = {
        other.batch: other.sent_at for other in sent if other.state == "sent" and since < other.sent_at <= now
    }
    return list(times.values())
