"""E-mail to a real SMTP server: TLS, logins, refusals."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from mobius.adapters.notifiers.configured import notifier_of
from mobius.model.notices import ChannelSettings, NotSent, Sent
from mobius.ports.notifying import NotifierAround
from receivers import mailbox, receiving
from report.notices.messages import message

CHANNEL = ChannelSettings(
    "mail",
    "email",
    host="localhost",
    tls="none",
    sender="mobius@dhash.example",
    to=("ops@dhash.example", "ann@dhash.example"),
    timeout_s=5.0,
)


def deliver(port: int, **more: Any) -> Sent | NotSent:
    environ = {"MAIL_PASSWORD": more.pop("password", "")}
    channel = replace(CHANNEL, port=port, **more)
    return notifier_of(channel, NotifierAround("dhash", "production", environ)).deliver(message())


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    authority, made = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(made)
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return made, file


def test_everybody_gets_the_mail() -> None:
    with mailbox() as box:
        assert deliver(box.port) == Sent("accepted")
        assert box.to == [["ops@dhash.example", "ann@dhash.example"]]
        assert box.got[0]["Subject"] == "dhash v2 needs somebody"
        assert "5 % fail" in box.got[0].get_body(("plain",)).get_content()


def test_over_starttls_with_a_login(context: tuple[ssl.SSLContext, Path]) -> None:
    server, ca_file = context
    more: dict[str, Any] = {"tls": "starttls", "user": "mobius", "password_env": "MAIL_PASSWORD"}
    with mailbox(starttls=server, password="s3cret") as box:
        assert deliver(box.port, password="s3cret", ca_file=ca_file, **more) == Sent("accepted")
        result = deliver(box.port, password="wr0ngwr0ng", ca_file=ca_file, **more)
        assert isinstance(result, NotSent) and "535" in result.reason and "wr0ng" not in result.reason
        result = deliver(box.port, password="s3cret", **more)
        assert isinstance(result, NotSent) and "not trusted" in result.reason
        assert len(box.got) == 1


def test_over_tls_from_the_start(context: tuple[ssl.SSLContext, Path]) -> None:
    with mailbox(tls=context[0]) as box:
        assert deliver(box.port, tls="tls", ca_file=context[1]) == Sent("accepted")


def test_a_server_without_starttls_gets_no_mail() -> None:
    with mailbox() as box:
        result = deliver(box.port, tls="starttls")
        assert isinstance(result, NotSent) and "STARTTLS" in result.reason and box.got == []


@pytest.mark.parametrize(("refuse", "final"), [("451 try later", False), ("554 no spam here", True)])
def test_a_refusal_is_for_now_or_for_good(refuse: str, final: bool) -> None:
    with mailbox() as box:
        box.refuse = refuse
        assert deliver(box.port) == NotSent(f"answered {refuse.replace(' ', ': ', 1)}", final=final)


def test_one_address_that_is_refused_keeps_the_mail_from_nobody_else() -> None:
    with mailbox() as box:
        box.refuse_to = ("ann@dhash.example",)
        assert deliver(box.port) == Sent("accepted, but not for ann@dhash.example")
        box.refuse_to = ("ann@dhash.example", "ops@dhash.example")
        result = deliver(box.port)
        assert isinstance(result, NotSent) and result.final


def test_what_is_no_mail_server_is_a_reason() -> None:
    assert deliver(9) == NotSent("connection refused")
    with receiving() as web:
        result = deliver(int(web.url.rpartition(":")[2]), timeout_s=1.0)
        assert isinstance(result, NotSent) and not result.final
