"""Slack, Teams and generic webhooks: JSON to a secret address, and what the answer means."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

from mobius.adapters.notifiers.posting import post
from mobius.adapters.notifiers.secret import Missing, secret
from mobius.model.notices import ChannelSettings, Message, NotSent, Sent
from mobius.ports.notifying import NotifierAround
from mobius.report.notices.plain import webhook_body
from mobius.report.notices.slack import slack_body
from mobius.report.notices.teams import LARGEST_BYTES, size_bytes, teams_body
from mobius.rules.notices.answers import judge

SIGNATURE = "X-Mobius-Signature"


class Webhook:
    """`kind` slack, teams or webhook. The address is read anew for each message: it may be exchanged any time."""

    def __init__(self, channel: ChannelSettings, around: NotifierAround) -> None:
        self._channel = channel
        self._environ = around.environ

    def missing(self) -> str:
        try:
            self._url()
            self._key()
        except Missing as problem:
            return problem.message
        return ""

    def deliver(self, message: Message) -> Sent | NotSent:
        channel = self._channel
        try:
            url, key = self._url(), self._key()
        except Missing as problem:
            return NotSent(problem.message, ours=True)
        body = self._body(message)
        if channel.kind == "teams" and size_bytes(body) > LARGEST_BYTES:
            return NotSent(f"larger than the {LARGEST_BYTES:,} bytes that get through", final=True)
        content = json.dumps(body, ensure_ascii=True).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if channel.kind == "webhook":
            headers |= signed(content, key, message.key, int(time.time()))
        answer = post(url, content, headers, timeout_s=channel.timeout_s, ca_file=channel.ca_file)
        if isinstance(answer, NotSent):
            return answer
        return judge(channel.kind, answer.status, answer.headers, answer.body, time.time())

    def _body(self, message: Message) -> Any:
        match self._channel.kind:
            case "slack":
                return slack_body(message)
            case "teams":
                return teams_body(message)
            case _:
                return webhook_body(message)

    def _url(self) -> str:
        return secret(self._channel.url_env, self._channel.url_file, self._environ)

    def _key(self) -> str:
        return secret(self._channel.secret_env, self._channel.secret_file, self._environ)


def signed(content: bytes, key: str, message_id: str, now: int) -> dict[str, str]:
    """Who wants to know that it came from here, and only once, can: the HMAC covers time, id and body."""
    headers = {"Idempotency-Key": message_id, "X-Mobius-Timestamp": str(now)}
    if key:
        covered = f"{now}.{message_id}.".encode() + content
        headers[SIGNATURE] = "sha256=" + hmac.new(key.encode(), covered, hashlib.sha256).hexdigest()
    return headers
