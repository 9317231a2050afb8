"""One of each message, really sent, and what the receiver answered: `mobius notify test`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mobius.errors import UsageError
from mobius.model.notices import Delivery, Sent, Topic
from mobius.rules.notices.routing import is_wanted

if TYPE_CHECKING:
    from mobius.wiring.app import App


def samples(app: App, name: str, *, channel: str | None, topic: str | None) -> Iterator[dict[str, Any]]:
    """Each as it was answered; nothing is written in the journal. Raises `UsageError` for a channel or topic that is
    not there."""
    from mobius.flows.notify.telling import message_for
    from mobius.report.notices.words import sample
    from mobius.wiring.telling import telling_of

    telling = telling_of(app, name, read_only=True)
    chosen = [pair for pair in telling.notifiers if channel in (None, pair[0].name)]
    if not chosen:
        names = ", ".join(each.name for each, _ in telling.notifiers) or "none is configured"
        raise UsageError(f"no channel {channel or ''} in {name}".replace("  ", " "), f"there are: {names}")
    if topic is not None and topic not in list(Topic):
        raise UsageError(f"no topic {topic!r}", f"there are: {', '.join(Topic)}")
    lead = telling.settings.deploy_lead or app._who()
    for settings, notifier in chosen:
        for each in [Topic(topic)] if topic else list(Topic):
            written, payload = sample(each, telling.service, name, lead, telling.clock.now())
            if topic is None and not is_wanted(settings, each, payload):
                continue
            delivery = Delivery(0, settings.name, "waiting", written, payload, telling.clock.now())
            result = notifier.deliver(message_for([delivery], settings.kind, telling))
            is_sent = isinstance(result, Sent)
            answer = result.answer if isinstance(result, Sent) else result.reason
            yield {"channel": settings.name, "topic": str(each), "sent": is_sent, "answer": answer}
            if not is_sent:
                break  # the others would only wait for the same
