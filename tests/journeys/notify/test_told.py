"""People are told, by real channels, of a deployment that goes back by itself; and telling them holds up nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from journeys.service import Service, wait_until
from receivers import Mailbox, Receiver, mailbox, receiving

pytestmark = [pytest.mark.journey, pytest.mark.skipif(os.name != "posix", reason="signals")]
CANARY = "cAnArYcAnArYcAnArY"
CHANNELS = """
[notify]
group_wait = "0s"

[[notify.channel]]
name = "ops"
kind = "slack"
url_env = "OPS_HOOK"
timeout = "3s"

[[notify.channel]]
name = "teams"
kind = "teams"
url_env = "TEAMS_HOOK"

[[notify.channel]]
name = "mail"
kind = "email"
host = "127.0.0.1"
port = <mail>
tls = "none"
from = "mobius@probe.example"
to = ["ops@probe.example"]

[environments.production]"""

TEMPLATE = """{"text": "{{title}}", "blocks": [
  {"type": "header", "text": {"type": "plain_text", "text": "{title}"}},
  {"type": "section", "text": {"type": "mrkdwn", "text": "*{{ RELEASE_TAG }}* by ${DEPLOY_LEAD}"}}
]}"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        made.answer = lambda path: (200, {}, b"ok" if "slack" in path else b"1")
        yield made


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as made:
        yield made


def service_with(folder: Path, receiver: Receiver, box: Mailbox, **more: Any) -> Service:
    hooks = {"OPS_HOOK": f"{receiver.url}/slack/{CANARY}", "TEAMS_HOOK": f"{receiver.url}/teams?sig={CANARY}"}
    service = Service(folder, alone=False, environ={**hooks, "DEPLOY_LEAD": "@ann"}, **more)
    text = service.config.read_text().replace("[environments.production]", CHANNELS)
    service.config.write_text(text.replace("<mail>", str(box.port)))
    return service


def slack_titles(receiver: Receiver) -> list[str]:
    return [body["blocks"][0]["text"]["text"] for body in receiver.bodies("slack")]


def senders(service: Service) -> list[psutil.Process]:
    """Of this service's environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if {"notify", "send", str(service.config)} <= set(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_deployment_that_goes_back_by_itself_is_told_everywhere_in_order(
    tmp_path: Path, receiver: Receiver, box: Mailbox
) -> None:
    with service_with(tmp_path / "probe", receiver, box, window="90s") as service:
        (tmp_path / "probe/notifications/slack").mkdir(parents=True)
        (tmp_path / "probe/notifications/slack/deployment_started.json").write_text(TEMPLATE)
        service.add_release("v1")
        service.add_release("v2", sick_once_live_s=2.0)
        service.mobius("deploy", "--tag", "v1", "--detach", expect=0)
        service.mobius("accept", expect=0)
        wait_until(lambda: len(slack_titles(receiver)) == 3 and len(box.got) == 3, what="v1 is told")
        receiver.got.clear()
        box.got.clear()
        service.mobius("deploy", "--tag", "v2", expect=12)
        expected = [
            "probe v2 is being deployed to production",
            "probe v2 is live in production",
            "probe in production is going back to v1",
            "probe in production was taken back to v1",
        ]
        wait_until(lambda: len(slack_titles(receiver)) >= 4 and len(box.got) >= 4, what="v2 is told")
        wait_until(lambda: len(receiver.bodies("teams")) >= 4, what="Teams is told")
        assert slack_titles(receiver) == expected
        cards = [body["attachments"][0]["content"] for body in receiver.bodies("teams")]
        assert [card["fallbackText"].partition(":")[0] for card in cards] == expected
        assert [mail["Subject"] for mail in box.got] == expected
        assert receiver.bodies("slack")[0]["blocks"][1]["text"]["text"] == "*v2* by @ann"
        texts = [str(body) for body in (*receiver.bodies(), *map(str, box.got))]
        assert not [text for text in texts if "{{" in text or "${" in text or CANARY in text]
        last = box.got[-1].get_body(("plain",)).get_content()
        head = last.rpartition("audit head ")[2].strip()
        service.mobius("audit", "verify", "--head", head, expect=0)
        told = service.mobius("notify", "status", "--all", "--json", expect=0).json
        assert {message["state"] for message in told["messages"]} == {"sent"}
        written = [
            *service.folder.rglob("*.log"),
            *service.folder.rglob("*.json"),
            service.root / "journal.db",
        ]
        kept = {"run"}  # what starts the runner again is for its owner alone
        for file in written:
            if file.is_file() and not kept & set(file.relative_to(service.folder).parts):
                assert CANARY.encode() not in file.read_bytes(), file


def test_a_receiver_that_hangs_holds_up_neither_a_deployment_nor_a_rollback(
    tmp_path: Path, receiver: Receiver, box: Mailbox
) -> None:
    """Each command is as fast as without any channel, give or take what a busy machine does."""
    took: dict[str, list[float]] = {}
    for name in ("told", "untold"):
        receiver.hangs_s = 600.0
        with service_with(tmp_path / name, receiver, box, window="60s") as service:
            service.config.write_text(
                service.config.read_text().replace('timeout = "3s"', 'timeout = "100s"')
            )
            if name == "untold":
                text = service.config.read_text()
                at, production = text.index("[[notify.channel]]"), text.index("[environments.production]")
                service.config.write_text(text[:at] + text[production:])
            for tag in ("v1", "v2"):
                service.add_release(tag)
                begun = time.monotonic()
                service.mobius("deploy", "--tag", tag, "--detach", expect=0)
                took.setdefault(name, []).append(time.monotonic() - begun)
            begun = time.monotonic()
            service.mobius("rollback", "--yes", expect=0)
            took[name].append(time.monotonic() - begun)
            if name == "told":
                assert service.get("/")["release"] == "v1"
                state = service.mobius("notify", "status", "--json", expect=0).json["channels"][0]
                assert state["waiting"] >= 3 and state["sent"] == 0
    # The hang is of ten minutes, and a single attempt takes a hundred seconds: neither may be seen here.
    assert max(took["told"]) < max(took["untold"]) + 60.0, took


def test_a_sender_that_is_killed_at_any_moment_loses_nothing_and_a_receiver_that_confirmed_hears_it_once(
    tmp_path: Path, receiver: Receiver, box: Mailbox
) -> None:
    down = True

    def answer(path: str) -> tuple[int, dict[str, str], bytes]:
        if "slack" in path:
            return (503, {}, b"") if down else (200, {}, b"ok")
        return 200, {}, b"1"

    receiver.answer = answer
    with service_with(tmp_path / "probe", receiver, box) as service:
        for number in range(3):
            service.mobius("notify", "announce", "--tag", f"v{number}", expect=0)
            wait_until(lambda: senders(service), what="a sender")
            for process in senders(service):
                os.kill(process.pid, signal.SIGKILL)
        down = False
        service.mobius("notify", "announce", "--tag", "v3", expect=0)
        service.mobius("notify", "retry", "--all", expect=0)

        def settled() -> bool:
            told = service.mobius("notify", "status", "--json", expect=0).json
            return not any(channel["waiting"] or channel["dead"] for channel in told["channels"])

        wait_until(settled, 150.0, what="everything is sent")
        said = " ".join(str(body) for body in receiver.bodies("teams"))
        assert all(f"v{number} will be deployed" in said for number in range(4))
        sent = service.journal(
            "SELECT outbox_id, count(*) FROM deliveries WHERE state = 'sent' GROUP BY outbox_id"
        )
        assert sent == [(number, 3) for number in range(1, 5)]
        keys = [mail["Message-ID"] for mail in box.got]
        assert (
            len(keys) == len(set(keys))
            or service.journal("SELECT 1 FROM channels WHERE claimed_by != ''") == []
        )


def test_what_a_killed_sender_left_is_sent_by_serve(tmp_path: Path, receiver: Receiver, box: Mailbox) -> None:
    receiver.answer = lambda _: (503, {}, b"")
    with service_with(tmp_path / "probe", receiver, box) as service:
        service.mobius("notify", "announce", "--tag", "v1", expect=0)
        wait_until(lambda: receiver.bodies("slack"), what="an attempt")
        for process in senders(service):
            os.kill(process.pid, signal.SIGKILL)
        receiver.answer = lambda path: (200, {}, b"ok" if "slack" in path else b"1")
        receiver.got.clear()
        serving = service.start("serve")
        wait_until(lambda: slack_titles(receiver), 150.0, what="serve sends it")
        assert slack_titles(receiver) == ["probe v1 will be deployed to production"]
        assert senders(service) == []
        serving.terminate()
