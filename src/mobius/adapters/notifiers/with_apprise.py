"""Whatever Apprise knows (a hundred services more): its own address, one try a message, the queue is ours."""

from __future__ import annotations

import re
from typing import Any

from mobius.adapters.checks.bounded import within
from mobius.adapters.notifiers.secret import Missing, secret
from mobius.model.notices import ChannelSettings, Message, NotSent, Sent, Severity
from mobius.ports.notifying import NotifierAround
from mobius.report.notices.plain import calls_nobody, text_of

HINT = "pip install 'mobius[notify]'"
_STARTS = re.compile(r"(?:^|[\s,;])[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_KINDS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}


class Apprise:
    """`url_env` or `url_file` holds one Apprise address. Of several, those that took the message would get it again
    with the next attempt for the others: each is a channel of its own."""

    def __init__(self, channel: ChannelSettings, around: NotifierAround) -> None:
        self._channel = channel
        self._environ = around.environ

    def missing(self) -> str:
        try:
            self._url()
            _apprise()
        except Missing as problem:
            return problem.message
        return ""

    def deliver(self, message: Message) -> Sent | NotSent:
        try:
            made = _apprise().Apprise()
            url = self._url()
        except Missing as problem:
            return NotSent(problem.message, ours=True)
        if not made.add(url):
            return NotSent("Apprise does not understand its address: correct it", final=True)
        try:
            done = within(
                self._channel.timeout_s,
                lambda: made.notify(
                    body=text_of(message),
                    title=calls_nobody(message.title),
                    notify_type=_KINDS[message.severity],
                ),
            )
        except TimeoutError:
            return NotSent(f"no answer within {self._channel.timeout_s:g} s")
        except Exception as error:
            return NotSent(f"Apprise broke: {type(error).__name__}")
        return Sent("accepted") if done else NotSent("Apprise could not send it, and does not say why")

    def _url(self) -> str:
        given = secret(self._channel.url_env, self._channel.url_file, self._environ)
        several = len(_STARTS.findall(given))
        if several > 1:
            raise Missing(f"it holds {several} addresses, and a channel has one", "make a channel of each")
        return given


def _apprise() -> Any:
    try:
        import apprise
    except ImportError as problem:
        raise Missing(f"Apprise is not installed: {HINT}", HINT) from problem
    return apprise
