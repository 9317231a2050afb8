"""E-mail over SMTP: STARTTLS, TLS from the start, or neither; certificates are checked."""

from __future__ import annotations

import smtplib
import socket
import ssl
from contextlib import suppress

from mobius.adapters.checks.bounded import within
from mobius.adapters.notifiers.posting import tls_context, why
from mobius.adapters.notifiers.secret import Missing, secret
from mobius.model.notices import ChannelSettings, Message, NotSent, Sent
from mobius.ports.notifying import NotifierAround
from mobius.report.notices.mail import mail
from mobius.rules.notices.answers import shown

PORTS = {"starttls": 587, "tls": 465, "none": 25}


class Mail:
    """One mail a message, on a line of its own."""

    def __init__(self, channel: ChannelSettings, around: NotifierAround) -> None:
        self._channel = channel
        self._environ = around.environ

    def missing(self) -> str:
        try:
            self._password()
        except Missing as problem:
            return problem.message
        return ""

    def deliver(self, message: Message) -> Sent | NotSent:
        timeout_s = self._channel.timeout_s
        try:
            password = self._password()
        except Missing as problem:
            return NotSent(problem.message, ours=True)
        try:
            # A server that drips an answer keeps every single read below its own timeout.
            return within(2 * timeout_s + 1.0, lambda: self._sent(message, password))
        except TimeoutError:
            return NotSent(f"no answer within {timeout_s:g} s")
        except smtplib.SMTPRecipientsRefused as refused:
            return _refused_by_all(refused)
        except smtplib.SMTPResponseException as refused:
            return _said(refused.smtp_code, refused.smtp_error)
        except (smtplib.SMTPException, ssl.SSLError, OSError, ValueError) as problem:
            told = str(problem) if type(problem) is smtplib.SMTPNotSupportedError else why(problem, timeout_s)
            return NotSent(
                shown(told), final=isinstance(problem, ValueError) and not isinstance(problem, OSError)
            )

    def _sent(self, message: Message, password: str) -> Sent | NotSent:
        channel = self._channel
        made = mail(message, channel.sender, channel.to)
        server = self._connected()
        try:
            if channel.tls == "starttls":
                server.starttls(context=tls_context(channel.ca_file))
            if channel.user:
                server.login(channel.user, password)
            refused = server.send_message(made)
        except BaseException:
            server.close()
            raise
        with suppress(smtplib.SMTPException, OSError):  # it has the message: a bad goodbye changes nothing
            server.quit()
        if refused:
            # Who accepted it must not get it again, so it is sent; the others are told of.
            return Sent(f"accepted, but not for {', '.join(sorted(refused))}")
        return Sent("accepted")

    def _connected(self) -> smtplib.SMTP:
        channel = self._channel
        port, host = channel.port or PORTS[channel.tls], channel.host.strip("[]")
        own = socket.gethostname() or "localhost"
        own = own if own.isascii() else "localhost"
        if channel.tls == "tls":
            context = tls_context(channel.ca_file)
            return smtplib.SMTP_SSL(
                host, port, local_hostname=own, timeout=channel.timeout_s, context=context
            )
        return smtplib.SMTP(host, port, local_hostname=own, timeout=channel.timeout_s)

    def _password(self) -> str:
        return secret(self._channel.password_env, self._channel.password_file, self._environ)


def _refused_by_all(refused: smtplib.SMTPRecipientsRefused) -> NotSent:
    answers = [(int(code), said) for code, said in refused.recipients.values()]
    worst = max(answers, key=lambda answer: answer[0]) if answers else (550, b"refused")
    again = any(code < 500 for code, _ in answers)
    told = _said(*worst)
    return NotSent(told.reason, final=not again)


def _said(code: int, words: bytes | str) -> NotSent:
    """4xx is for now, 5xx for good. A login that fails waits for somebody to correct the password."""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    return NotSent(f"answered {code}: {shown(text)}", final=code >= 500)
