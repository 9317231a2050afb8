"""Which of the waiting messages of a channel go out now, together or alone; so that a storm is a few messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mobius.model.notice_topics import topic_of
from mobius.model.notices import Delivery, NotifySettings, Topic

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
    dues = {delivery.id: _due(delivery, sent, settings, now) for delivery in waiting}
    due = [delivery for delivery in waiting if dues[delivery.id] <= now]
    if not due:
        head = waiting[0]
        follows = [other for other in waiting[1:] if _group(other) is None]
        # What came after an alert that nobody was told of yet does not overtake it.
        if follows and not _told(_group(head), sent, now - settings.group_interval_s, now):
            return Batch(_with_its_group(head, waiting))
        return Later(min(dues.values()))
    if len(due) > AT_MOST:
        return Batch(tuple(due))
    first = _not_overtaking(due[0], waiting, sent, settings, now)
    return Batch(_with_its_group(first, waiting))


def _not_overtaking(
    chosen: Delivery,
    waiting: Sequence[Delivery],
    sent: Sequence[Delivery],
    settings: NotifySettings,
    now: float,
) -> Delivery:
    """The message before it that still waits for company, where its group has not been heard of: order first."""
    for delivery in waiting:
        if delivery.id >= chosen.id:
            break
        if not _told(_group(delivery), sent, now - settings.group_interval_s, now):
            return delivery
    return chosen


def _with_its_group(head: Delivery, waiting: Sequence[Delivery]) -> tuple[Delivery, ...]:
    group = _group(head)
    return (head,) if group is None else tuple(other for other in waiting if _group(other) == group)


def _group(delivery: Delivery) -> tuple[str, int] | None:
    """What it is about, where it may wait for others about the same; None where it goes out by itself."""
    topic = topic_of(delivery.topic, delivery.payload)
    return (str(topic), int(delivery.payload.get("run_id") or 0)) if topic in GROUPED else None


def _due(delivery: Delivery, sent: Sequence[Delivery], settings: NotifySettings, now: float) -> float:
    group = _group(delivery)
    if group is None:
        return 0.0
    last = _told(group, sent, 0.0, now)
    if last and now - last < settings.group_interval_s:
        return last + settings.group_interval_s
    return min(delivery.created_at, now) + settings.group_wait_s


def _told(group: tuple[str, int] | None, sent: Sequence[Delivery], since: float, now: float) -> float:
    """When a message about this last went out; 0 where none did since then. A time to come is of a clock set back."""
    times = [other.sent_at for other in sent if since <= other.sent_at <= now and _group(other) == group]
    return max(times, default=0.0) if group is not None else 0.0


def _said_before(
    waiting: Sequence[Delivery], sent: Sequence[Delivery], settings: NotifySettings, now: float
) -> tuple[Delivery, ...]:
    since = now - settings.repeat_interval_s
    said = {_words(other) for other in sent if other.state == "sent" and since < other.sent_at <= now}
    return tuple(other for other in waiting if _group(other) is not None and _words(other) in said)


def _words(delivery: Delivery) -> tuple[tuple[str, int] | None, str]:
    return _group(delivery), str(delivery.payload.get("message", ""))


def _messages_since(sent: Sequence[Delivery], since: float, now: float) -> list[float]:
    """When messages went out since then, one time each however many rows they carried."""
    times = {
        other.batch: other.sent_at for other in sent if other.state == "sent" and since < other.sent_at <= now
    }
    return list(times.values())
