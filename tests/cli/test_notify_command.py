"""`mobius notify`: what is tried, what waits, what is wrong; and no secret in any of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from init.samples import git_in
from mobius.adapters.journals.sqlite import SqliteJournal
from mobius.cli.main import run
from mobius.model.notices import Topic
from mobius.model.seen import Note
from receivers import Receiver, receiving

CANARY = "cAnArYcAnArYcAnArY"
CONFIG = """
service = "dhash"

[[process]]
name = "api"
start = ["node", "app.js"]

[[notify.channel]]
name = "ops"
url_env = "OPS_HOOK"

[[notify.channel]]
name = "teams"
kind = "teams"
url_env = "TEAMS_HOOK"
severity = "critical"

[[notify.channel]]
name = "elsewhere"
url_env = "OPS_HOOK"
environments = ["staging"]

[environments.production]
url = "http://127.0.0.1:5001"
"""
Mobius = Callable[..., tuple[int, str, str]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        made.answer = lambda path: (200, {}, b"ok" if "slack" in path else b"1")
        yield made


@pytest.fixture
def mobius(
    tmp_path: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Mobius:
    (tmp_path / "mobius.toml").write_text(CONFIG)
    monkeypatch.setenv("OPS_HOOK", f"{receiver.url}/slack/{CANARY}")
    monkeypatch.setenv("TEAMS_HOOK", f"{receiver.url}/teams?sig={CANARY}")
    monkeypatch.setattr("mobius.adapters.launchers.sender.SenderLauncher.wake", lambda self: None)

    def called(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["--config", str(tmp_path / "mobius.toml"), *words])
        out, err = capsys.readouterr()
        assert CANARY not in out + err
        return code, out, err

    return called


def alert(tmp_path: Path, words: str = "5 % fail") -> None:
    journal = SqliteJournal(tmp_path / ".mobius/production/journal.db")
    journal.say(None, "production", Note("page", words, {}, "alert"), now=1.9e9)
    journal.close()


def test_one_of_each_message_is_sent_and_its_answer_shown(
    mobius: Mobius, receiver: Receiver, tmp_path: Path
) -> None:
    code, out, _ = mobius("notify", "test")
    assert code == 0
    assert out.splitlines()[0] == "ops: planned: sent: 200 ok" and "teams: alert: sent: 200 1" in out
    assert len(receiver.bodies("slack")) == len(Topic) and len(receiver.bodies("teams")) == 3
    assert all("a test, nothing happened" in str(body) for body in receiver.bodies())
    assert not [path for path in tmp_path.rglob("*") if path.name != "mobius.toml"]


def test_a_receiver_that_refuses_is_exit_4_with_its_words(mobius: Mobius, receiver: Receiver) -> None:
    receiver.answer = lambda _: (404, {}, b"no_service")
    code, out, _ = mobius("notify", "test", "ops", "--topic", "alert", "--json")
    assert code == 4
    told = json.loads(out.splitlines()[0])
    expected = {"channel": "ops", "topic": "alert", "sent": False, "answer": "answered 404: no_service"}
    assert told["messages"] == [expected]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("test", "pager"), "no channel pager in production"),
        (("test", "--topic", "lunch"), "no topic 'lunch'"),
        (("test", "elsewhere"), "no channel elsewhere in production"),
        (("retry",), "which messages?"),
        (("retry", "1", "--all"), "which messages?"),
        (("retry", "99"), "no dead message of production has such a number"),
        (("retry", "99999999999999999999"), "no dead message of production has such a number"),
        (("ack",), "which alert?"),
        (("ack", "7"), "alert 7 is not open in production"),
        (("ack", "--all"), "no alert is open in production"),
        (("status", "-e", "nowhere"), "nowhere"),
    ],
)
def test_the_wrong_way_is_exit_2_with_the_right_one(
    mobius: Mobius, words: tuple[str, ...], message: str
) -> None:
    code, _, err = mobius("notify", *words)
    assert code == 2 and message in err
    assert len(err.strip().splitlines()) == 2  # what to do instead


def test_what_waits_is_listed_and_acknowledged(mobius: Mobius, tmp_path: Path) -> None:
    alert(tmp_path)
    code, out, err = mobius("notify", "status")
    assert code == 0 and "ops (slack): 1 waiting" in out and "open alert 1" in out
    assert err.strip() == "you see to it: mobius notify ack -e production 1"
    code, out, _ = mobius("notify", "ack", "1", "--by", "Ann\x1b[2J")
    assert code == 0 and out == "alert 1 is seen to: 5 % fail\n"
    code, out, _ = mobius("notify", "status", "--json")
    assert json.loads(out)["open_alerts"] == []
    code, out, _ = mobius("history", "--json")
    assert code == 0


def test_a_variable_that_does_not_exist_is_a_mistake_of_check(mobius: Mobius, tmp_path: Path) -> None:
    folder = tmp_path / "notifications" / "slack"
    folder.mkdir(parents=True)
    (folder / "alert.json").write_text('{"text": "{{relese}}",\n "x": "{nope}"}')
    (folder / "birthday.json").write_text("{}")
    for words in (("notify", "check"), ("config", "check")):
        code, _, err = mobius(*words)
        assert code == 2 and 'notifications/slack/alert.json:1: no variable "relese"' in err
        assert 'notifications/slack/alert.json:2: no variable "nope"' in err
        assert "no message is called 'birthday'" in err


def test_a_secret_that_is_not_here_is_exit_4(mobius: Mobius, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = mobius("notify", "check")
    assert code == 0 and "ops: has all it needs here" in out
    monkeypatch.delenv("OPS_HOOK")
    code, out, _ = mobius("notify", "check", "--json")
    assert code == 4 and json.loads(out.splitlines()[0])["missing"] == {
        "ops": "the variable OPS_HOOK is not set"
    }


def test_an_announcement_is_written_for_the_sender(mobius: Mobius, tmp_path: Path) -> None:
    code, out, _ = mobius("notify", "announce", "--tag", "v2", "--at", "14:00")
    assert (code, out) == (0, "dhash v2 will be deployed to production at 14:00\n")
    journal = SqliteJournal(tmp_path / ".mobius/production/journal.db", read_only=True)
    assert [row.topic for row in journal.outbox()] == ["planned"]


def test_an_announcement_says_of_which_commit_it_is_or_that_there_is_no_such_tag(
    mobius: Mobius, tmp_path: Path
) -> None:
    git_in(tmp_path, "init", "-q", ".")
    git_in(tmp_path, "add", "mobius.toml")
    git_in(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "-m", "one")
    git_in(tmp_path, "tag", "v2")
    assert "there is no" not in mobius("notify", "announce", "--tag", "v2")[2]
    assert "there is no v3 here yet" in mobius("notify", "announce", "--tag", "v3")[2]
    journal = SqliteJournal(tmp_path / ".mobius/production/journal.db", read_only=True)
    head = git_in(tmp_path, "rev-parse", "HEAD").strip()
    assert [row.payload["data"]["content"] for row in journal.outbox()] == [head, ""]
