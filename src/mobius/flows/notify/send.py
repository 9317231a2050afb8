"""One look at one channel: takes it, sends what is due, and writes down what became of it."""

from __future__ import annotations

from collections.abc import Sequence

from mobius.errors import MobiusError
from mobius.flows.notify.telling import Telling, message_for
from mobius.model.notices import ChannelSettings, ChannelState, Delivery, NotSent, Sent, Settlement
from mobius.ports.notifying import Notifier
from mobius.rules.notices.backing_off import LONGEST_ASKED_S, settled
from mobius.rules.notices.grouping import Batch, Later, Repeated, next_batch

MARGIN_S = 30.0  # beyond what a channel may take, before another sender may take it over


def send_next(telling: Telling, channel: ChannelSettings, notifier: Notifier) -> float | None:
    """Sends one message, or none. When to look again: unix seconds, 0 for at once, None with nothing to do.

    The channel is claimed meanwhile, so that no two senders say the same, and what comes first goes out first. A
    sender that is killed between the answer and its record leaves a message that goes out once more.
    """
    environment, journal, clock = telling.settings.name, telling.journal, telling.clock
    now = clock.now()
    state = journal.channels(environment).get(channel.name, ChannelState(channel.name))
    choice = _choice(telling, channel, now)
    if choice is None:
        return None
    # A time further off than any pause comes from a clock that was set back.
    if now < state.next_at <= now + 2 * LONGEST_ASKED_S:
        return state.next_at
    if isinstance(choice, Later):
        return choice.at
    if notifier.missing():
        return now + MARGIN_S
    until = now + 2 * channel.timeout_s + MARGIN_S
    if not journal.claim(environment, channel.name, who=telling.who, now=now, until=until):
        return now + 1.0
    # What another sender did just before the claim counts.
    state = journal.channels(environment).get(channel.name, state)
    choice = _choice(telling, channel, now)
    settlement = Settlement(error=state.error, failures=state.failures, next_at=0.0)
    if isinstance(choice, Repeated):
        ids = tuple(delivery.id for delivery in choice.deliveries)
        words = "the same was said a short while ago"
        settlement = Settlement(repeated=ids, error=words, failures=state.failures)
    elif isinstance(choice, Batch):
        settlement = _sent(choice.deliveries, telling, channel, notifier, state.failures)
    journal.settle(environment, channel.name, settlement, who=telling.who, now=clock.now())
    return 0.0


def _choice(telling: Telling, channel: ChannelSettings, now: float) -> Batch | Repeated | Later | None:
    environment, notify = telling.settings.name, telling.settings.notify
    waiting = _of(channel, telling.journal.deliveries(environment))
    if not waiting:
        return None
    since = now - max(notify.repeat_interval_s, notify.group_interval_s, 60.0)
    sent = _of(channel, telling.journal.deliveries(environment, states=("sent",), since=since))
    return next_batch(waiting, sent, notify, channel.per_minute, now)


def _sent(
    batch: Sequence[Delivery], telling: Telling, channel: ChannelSettings, notifier: Notifier, failures: int
) -> Settlement:
    result: Sent | NotSent
    try:
        result = notifier.deliver(message_for(batch, channel.kind, telling))
    except MobiusError:
        raise  # of the journal: nothing is known, and it is tried again
    except Exception as unforeseen:  # one that cannot be written must not hold up those behind it
        result = NotSent(f"it cannot be written: {unforeseen!r}", final=True)
    now, luck = telling.clock.now(), telling.luck()
    return settled(batch, result, telling.settings.notify, failures=failures, luck=luck, now=now)


def _of(channel: ChannelSettings, deliveries: Sequence[Delivery]) -> list[Delivery]:
    return [delivery for delivery in deliveries if delivery.channel == channel.name]
