"""How telling people stands: what waits, what is dead and why, when it is tried next, and which alerts are open."""

from __future__ import annotations

from typing import Any

from mobius.flows.notify.look import open_alerts
from mobius.flows.notify.telling import Telling
from mobius.model.notice_topics import topic_of
from mobius.model.notices import ChannelState, Delivery
from mobius.rules.notices.routing import is_wanted

SENT_FOR_S = 7 * 86_400.0


def standing(telling: Telling, *, with_sent: bool = False) -> dict[str, Any]:
    """Plain data, for `--json` and for words. Changes nothing."""
    environment, now = telling.settings.name, telling.clock.now()
    states = telling.journal.channels(environment)
    open_ones = telling.journal.deliveries(environment, states=("waiting", "dead"))
    sent = telling.journal.deliveries(environment, states=("sent", "repeated"), since=now - SENT_FOR_S)
    alerts, escalated = open_alerts(telling)
    unrouted = telling.journal.unrouted(environment)
    channels = [
        {
            "name": channel.name,
            "kind": channel.kind,
            "missing": notifier.missing(),
            "waiting": _count(open_ones, channel.name, "waiting")
            + sum(is_wanted(channel, topic_of(row.topic, row.payload), row.payload) for row in unrouted),
            "dead": _count(open_ones, channel.name, "dead"),
            "sent": _count(sent, channel.name, "sent"),
            "last_sent_at": max((each.sent_at for each in sent if each.channel == channel.name), default=0.0),
            **_state(states.get(channel.name), now),
        }
        for channel, notifier in telling.notifiers
    ]
    shown = [*open_ones, *sent] if with_sent else open_ones
    return {
        "environment": environment,
        "channels": channels,
        "messages": [_told(delivery) for delivery in sorted(shown, key=lambda each: each.id)],
        "open_alerts": [
            {
                "id": alert.id,
                "at": alert.at,
                "run": alert.run_id,
                "message": alert.message,
                "asked": [str(e.data.get("asked", "")) for e in escalated if e.data.get("alert") == alert.id],
            }
            for alert in alerts
        ],
        "without_channel": len(unrouted) if not telling.notifiers else 0,
    }


def _state(state: ChannelState | None, now: float) -> dict[str, Any]:
    if state is None:
        return {"failures": 0, "next_at": 0.0, "error": ""}
    return {
        "failures": state.failures,
        "next_at": state.next_at if state.next_at > now else 0.0,
        "error": state.error if state.failures else "",
    }


def _count(deliveries: tuple[Delivery, ...], channel: str, state: str) -> int:
    return sum(each.channel == channel and each.state == state for each in deliveries)


def _told(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "channel": delivery.channel,
        "state": delivery.state,
        "topic": str(topic_of(delivery.topic, delivery.payload)),
        "message": str(delivery.payload.get("message") or ""),
        "created_at": delivery.created_at,
        "attempts": delivery.attempts,
        "sent_at": delivery.sent_at,
        "answer": delivery.answer,
        "error": delivery.error,
    }
