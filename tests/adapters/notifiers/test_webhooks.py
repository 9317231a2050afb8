"""Slack, Teams and generic webhooks against a real receiver, that is well, slow, wrong, or not there."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from mobius.adapters.notifiers import configured
from mobius.adapters.notifiers.configured import notifier_of
from mobius.adapters.notifiers.secret import secrets_of_channels
from mobius.adapters.redaction import redactor
from mobius.model.notices import ChannelSettings, Message, NotSent, Sent
from mobius.ports.notifying import NotifierAround
from receivers import Receiver, receiving
from report.notices.messages import message

CANARY = "T0000/B0000/cAnArYcAnArYcAnArY"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def deliver(url: str, kind: str = "slack", made: Message | None = None, **more: Any) -> Sent | NotSent:
    channel = ChannelSettings("ops", kind, url_env="HOOK", timeout_s=30.0)
    environ = {"HOOK": url, **more.pop("environ", {})}
    return notifier_of(replace(channel, **more), NotifierAround("dhash", "production", environ)).deliver(
        made or message()
    )


def test_slack_and_teams_get_their_own_form(receiver: Receiver) -> None:
    assert deliver(f"{receiver.url}/slack") == Sent("200 ok")
    receiver.answer = lambda _: (202, {}, b"")
    assert deliver(f"{receiver.url}/teams", "teams") == Sent("202")
    assert receiver.bodies("slack")[0]["blocks"][0]["type"] == "header"
    assert receiver.bodies("teams")[0]["attachments"][0]["content"]["version"] == "1.2"


def test_a_name_and_a_password_in_an_address_are_given_as_a_header(receiver: Receiver) -> None:
    url = receiver.url.replace("://", "://ann:p%40ss@") + "/hook"
    assert deliver(url, "webhook") == Sent("200 ok")
    path, headers, _, _ = receiver.got[0]
    assert (path, headers["authorization"]) == ("/hook", "Basic YW5uOnBAc3M=")
    assert "@" not in headers["host"]


def test_a_generic_webhook_can_prove_who_it_is_from_and_that_it_is_the_same(receiver: Receiver) -> None:
    for _ in range(2):
        assert deliver(receiver.url, "webhook", secret_env="KEY", environ={"KEY": "k3y"}) == Sent("200 ok")
    (_, headers, body, _), (_, again, _, _) = receiver.got
    covered = f"{headers['x-mobius-timestamp']}.{headers['idempotency-key']}.".encode() + body
    assert headers["x-mobius-signature"] == "sha256=" + hmac.new(b"k3y", covered, hashlib.sha256).hexdigest()
    assert headers["idempotency-key"] == again["idempotency-key"] == "production-7-abcdef"
    assert json.loads(body)["values"]["release"] == "v2"


@pytest.mark.parametrize(
    ("answer", "reason", "final"),
    [
        ((429, {"Retry-After": "7"}, b"rate_limited"), "answered 429: rate_limited", False),
        ((500, {}, b"<b>oops</b>"), "answered 500: <b>oops</b>", False),
        ((404, {}, b"no_service"), "answered 404: no_service", True),
        ((200, {}, b"please log in"), 'answered 200, but not "ok": please log in', False),
        ((200, {}, b"\xff\xfe\x00" * 50_000), "answered 200", False),
    ],
)
def test_any_other_answer_is_a_reason(
    receiver: Receiver, answer: tuple[int, dict[str, str], bytes], reason: str, final: bool
) -> None:
    receiver.answer = lambda _: answer
    result = deliver(receiver.url)
    assert isinstance(result, NotSent) and result.reason.startswith(reason) and result.final is final
    assert result.retry_after_s == (7.0 if answer[0] == 429 else 0.0)


def test_nothing_is_sent_on_to_where_a_receiver_redirects(receiver: Receiver) -> None:
    with receiving() as other:
        receiver.answer = lambda _: (307, {"Location": other.url}, b"")
        result = deliver(receiver.url)
        assert isinstance(result, NotSent) and result.final and other.got == []


def test_a_receiver_that_hangs_or_is_not_there_is_left_in_time(receiver: Receiver) -> None:
    receiver.hangs_s = 30.0
    begun = time.monotonic()
    assert deliver(receiver.url, timeout_s=0.5) == NotSent("no answer within 0.5 s")
    assert time.monotonic() - begun < 10.0
    assert deliver("http://127.0.0.1:9/x") == NotSent("connection refused")
    for wrong in ("ftp://x/y", "nothing", "http://", "http://[::1", "http://h:99999/"):
        result = deliver(wrong)
        assert isinstance(result, NotSent) and "x/y" not in result.reason, wrong


def test_a_certificate_that_nobody_vouches_for_gets_no_message(tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with receiving(context) as receiver:
        result = deliver(receiver.url)
        assert isinstance(result, NotSent) and result.reason.startswith("its certificate is not trusted")
        assert receiver.got == []
        assert deliver(receiver.url, ca_file=tmp_path / "ca.pem") == Sent("200 ok")
        result = deliver(receiver.url.replace("localhost", "127.0.0.1"), ca_file=tmp_path / "ca.pem")
        assert isinstance(result, NotSent) and "not trusted" in result.reason


def test_the_address_is_read_from_a_file_each_time_and_its_absence_is_no_attempt(
    receiver: Receiver, tmp_path: Path
) -> None:
    file = tmp_path / "hook"
    channel = ChannelSettings("ops", url_file=file)
    notifier = notifier_of(channel, NotifierAround("dhash", "production"))
    assert notifier.missing() == f"{file} cannot be read: No such file or directory"
    result = notifier.deliver(message())
    assert isinstance(result, NotSent) and result.ours
    file.write_text(f"{receiver.url}/x\n")
    assert notifier.missing() == "" and notifier.deliver(message()) == Sent("200 ok")
    file.write_text("\n")
    assert notifier.missing() == f"{file} is empty"


@pytest.mark.parametrize("kind", ["slack", "teams", "webhook", "apprise"])
def test_no_secret_is_in_what_is_told_of_a_failure(kind: str) -> None:
    url = f"http://127.0.0.1:9/{CANARY}?sig=s1gs1gs1gs1g"
    channel = ChannelSettings("ops", kind, url_env="HOOK", secret_env="KEY" if kind == "webhook" else "")
    environ = {"HOOK": url, "KEY": "k3yk3yk3y"}
    redact = redactor(secrets_of_channels([channel], environ))
    result = notifier_of(channel, NotifierAround("dhash", "production", environ), redact).deliver(message())
    assert isinstance(result, NotSent)
    assert "cAnArY" not in repr(result) and "s1gs1g" not in repr(result) and "k3yk3y" not in repr(result)
    assert "cAnArY" not in redact(f"POST {url} failed; /{CANARY}?sig=s1gs1gs1gs1g; {CANARY}")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_apprise_sends_what_we_have_no_form_for(receiver: Receiver) -> None:
    pytest.importorskip("apprise")
    patient = "?cto=30&rto=30"  # seconds to connect and to read
    result = deliver(receiver.url.replace("http://", "json://") + patient, "apprise")
    assert result == Sent("accepted")
    (body,) = receiver.bodies()
    assert body["title"] == "dhash v2 needs somebody" and "5 % fail" in body["message"]
    assert isinstance(deliver("nonsense://x", "apprise"), NotSent)


@pytest.mark.parametrize("between", ["\n", " ", ", ", ","])
def test_a_channel_of_apprise_is_one_receiver_so_that_none_is_told_twice(
    receiver: Receiver, between: str
) -> None:
    pytest.importorskip("apprise")
    address = receiver.url.replace("http://", "json://")
    result = deliver(f"{address}{between}{address}/other", "apprise")
    assert result == NotSent("it holds 2 addresses, and a channel has one", ours=True)
    assert receiver.bodies() == []


class Pager:
    """A third party's notifier, that breaks."""

    def __init__(self, channel: ChannelSettings, around: NotifierAround) -> None:
        self.name = channel.name

    def missing(self) -> str:
        return ""

    def deliver(self, message: Message) -> Sent | NotSent:
        if message.title == "surprise":
            raise RuntimeError("no line")
        return Sent(f"{self.name} beeped")


def test_a_third_party_adds_a_kind_and_its_surprises_are_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        def load(self) -> object:
            return Pager

    monkeypatch.setattr(
        configured, "entry_points", lambda **asked: [Entry()] if asked["name"] == "pager" else []
    )
    assert deliver("x", "pager") == Sent("ops beeped")
    assert deliver("x", "pager", message(title="surprise")) == NotSent(
        "the notifier broke: RuntimeError('no line')"
    )
    result = deliver("x", "telegraph")
    assert isinstance(result, NotSent) and result.ours and 'adds the kind "telegraph"' in result.reason
