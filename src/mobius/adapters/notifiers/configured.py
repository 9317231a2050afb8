"""Every `[[notify.channel]]`: which adapter sends through it, ours or one that a package adds."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

from mobius.model.notices import ChannelSettings, Message, NotSent, Sent
from mobius.ports.notifying import Notifier, NotifierAround, NotifierMaker

ENTRY_POINTS = "mobius.notifiers"


class Broken:
    """A channel that cannot be used at all, with the reason."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def missing(self) -> str:
        return self._reason

    def deliver(self, message: Message) -> Sent | NotSent:
        return NotSent(self._reason, ours=True)


class Careful:
    """Another notifier, whose surprises are reasons, and whose words hold no secret."""

    def __init__(self, inner: Notifier, redact: Callable[[str], str]) -> None:
        self._inner, self._redact = inner, redact

    def missing(self) -> str:
        try:
            return self._redact(self._inner.missing())
        except Exception as error:
            return f"the notifier broke: {type(error).__name__}"

    def deliver(self, message: Message) -> Sent | NotSent:
        try:
            result = self._inner.deliver(message)
        except Exception as error:  # a notifier never raises: what went wrong is the reason
            return NotSent(self._redact(f"the notifier broke: {error!r}"))
        if isinstance(result, Sent):
            return Sent(self._redact(result.answer))
        return NotSent(self._redact(result.reason), result.final, result.retry_after_s, result.ours)


def notifier_of(
    channel: ChannelSettings, around: NotifierAround, redact: Callable[[str], str] = str
) -> Notifier:
    """What sends through this channel. Asks nobody anything yet."""
    try:
        return Careful(_maker_of(channel.kind)(channel, around), redact)
    except Exception as error:
        return Broken(redact(f"the channel {channel.name} cannot be used: {error}"))


def _maker_of(kind: str) -> NotifierMaker:
    match kind:
        case "slack" | "teams" | "webhook":
            from mobius.adapters.notifiers.webhooks import Webhook

            return Webhook
        case "email":
            from mobius.adapters.notifiers.smtp import Mail

            return Mail
        case "apprise":
            from mobius.adapters.notifiers.with_apprise import Apprise

            return Apprise
    found = list(entry_points(group=ENTRY_POINTS, name=kind))
    if not found:
        raise LookupError(f'no installed package adds the kind "{kind}" (entry point group {ENTRY_POINTS})')
    made: NotifierMaker = found[0].load()
    return made
