"""What is to be sent: new messages get their channels, alerts that nobody acknowledged the next person, and dead ones
are told of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from mobius.errors import MobiusError
from mobius.flows.notify.telling import Telling
from mobius.model.notice_topics import topic_of
from mobius.model.notices import Delivery, Topic
from mobius.model.run import Event
from mobius.model.seen import Note
from mobius.report.words import clock, counted, shortened
from mobius.rules.notices.escalating import ANSWERS, ESCALATED, Alert, Due, is_answer, next_due, unanswered
from mobius.rules.notices.routing import is_wanted

ALERTS_FOR_S = 3 * 86_400.0  # an alert that nobody acknowledged for so long is not told again


def route_new(telling: Telling) -> None:
    """Every message that nobody has routed yet gets the channels that want it."""
    environment, now = telling.settings.name, telling.clock.now()
    for row in telling.journal.unrouted(environment):
        topic = topic_of(row.topic, row.payload)
        channels = [each.name for each, _ in telling.notifiers if is_wanted(each, topic, row.payload)]
        telling.journal.route(row, environment, channels, now=now)


def open_alerts(telling: Telling) -> tuple[tuple[Alert, ...], tuple[Event, ...]]:
    """The alerts that nobody acted on, oldest first, and to whom they were escalated."""
    environment, now = telling.settings.name, telling.clock.now()
    alerts = [
        Alert(row.id, row.event_seq, int(row.payload.get("run_id") or 0), row.created_at, _said(row.payload))
        for row in telling.journal.alerts(environment, since=now - ALERTS_FOR_S)
    ]
    if not alerts:
        return (), ()
    kinds = (*ANSWERS, ESCALATED)
    events = telling.journal.events(environment=environment, after=alerts[0].seq, kinds=kinds)
    runs = _kinds_of_runs(telling, events)
    answers = [event for event in events if event.kind != ESCALATED and is_answer(event, runs)]
    return unanswered(alerts, answers), tuple(event for event in events if event.kind == ESCALATED)


def escalate(telling: Telling) -> float | None:
    """Tells the next person of the oldest alert that is open; when to look again, None where there is none."""
    alerts, escalated = open_alerts(telling)
    s, now = telling.settings, telling.clock.now()
    due, at = next_due(alerts, escalated, s.escalation, s.notify.repeat_interval_s, now)
    if due is None:
        return at or None
    note = _note(due, alerts, telling, now)
    telling.journal.say_once(s.name, note, key=due.key, after=due.alert.seq, now=now)
    return now


def _note(due: Due, alerts: Sequence[Alert], telling: Telling, now: float) -> Note:
    s = telling.settings
    steps = s.escalation.steps
    step = steps[due.step] if steps else None
    person = f"{step.role} {step.name}".strip() if step else "somebody"
    contact = f" ({step.contact})" if step and step.contact else ""
    asked = f"{person}{contact}"
    if step and due.step + 1 < len(steps) and not due.again:
        follows = steps[due.step + 1]
        asked += f"; then {follows.role} {follows.name}".rstrip() + f", at {clock(now + step.wait_s, now)}"
    others = f", and {counted(len(alerts) - 1, 'more alert', 'more alerts')}" if len(alerts) > 1 else ""
    since = clock(due.alert.at, now)
    words = f"nobody has acknowledged since {since}: {shortened(due.alert.message, 600)}{others}"
    first = step is not None and due.step == 0 and not due.again
    if first:
        words = f"{person} is asked first: {shortened(due.alert.message, 600)}"
    # A channel that is not there in this environment must not swallow what is urgent.
    names = [each.name for each, _ in telling.notifiers]
    channel = step.channel if step and step.channel in names else ""
    told = {
        "alert": due.alert.id,
        "step": due.step,
        "again": due.again,
        "asked": asked,
        "role": step.role if step else "",
        "name": step.name if step else "",
        "contact": step.contact if step else "",
        "channel": channel,
    }
    # Who reads the channels of alerts has just been told by the alert itself.
    is_told = first and (not channel or channel in _took_alerts(telling))
    return Note("escalated", words, told, topic="" if is_told else "escalation")


def _took_alerts(telling: Telling) -> list[str]:
    payload = {"environment": telling.settings.name}
    return [each.name for each, _ in telling.notifiers if is_wanted(each, Topic.ALERT, payload)]


def tell_of_dead(telling: Telling) -> None:
    """What one channel could not get rid of is told through the others, once for each run: a channel that is dead
    loses every message of it, and whoever was told knows."""
    if len(telling.notifiers) < 2:
        return
    environment, now = telling.settings.name, telling.clock.now()
    dead: dict[str, list[Delivery]] = {}
    for delivery in telling.journal.deliveries(environment, states=("dead",)):
        if topic_of(delivery.topic, delivery.payload) is not Topic.UNSENT:
            dead.setdefault(delivery.channel, []).append(delivery)
    for channel, lost in dead.items():
        newest = max(lost, key=lambda delivery: delivery.id)
        words = f"{counted(len(lost), 'message')} could not be sent through {channel}: {newest.error}"
        note = Note("unsent", words, {"channel": channel, "messages": len(lost)}, topic="unsent")
        run = int(newest.payload.get("run_id") or 0)
        key = f"{channel}:run {run}" if run else f"{channel}:{newest.id}"
        telling.journal.say_once(environment, note, key=key, after=0, now=now)


def _kinds_of_runs(telling: Telling, events: Sequence[Event]) -> Mapping[int, str]:
    kinds = {}
    for run_id in {event.run_id for event in events if event.kind == "run queued"}:
        with suppress(MobiusError):
            kinds[run_id] = telling.journal.run(run_id).kind
    return kinds


def _said(payload: Mapping[str, object]) -> str:
    return str(payload.get("message") or "")
