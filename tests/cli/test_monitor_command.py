"""`mobius monitor` is a command and a group: what people say to a window, with exit codes and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mobius.cli.main import run

CONFIG = """
service = "shop"
[[process]]
name = "web"
start = ["true"]
[environments.production]
url = "http://127.0.0.1:59999"
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mobius.toml").write_text(CONFIG, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_disarmed_and_armed_again_is_said_in_text_and_json(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["monitor", "disarm", "--for", "30m", "--reason", "dns"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("production: DISARMED by ") and told.out.endswith(": dns\n")
    assert told.err == "end it: mobius monitor arm -e production\n"
    assert run(["monitor", "-e", "production", "arm", "--json"]) == 0
    armed = json.loads(capsys.readouterr().out)
    assert (armed["event"], armed["disarm"]["reason"]) == ("armed", "dns")
    assert run(["monitor", "arm"]) == 0
    assert capsys.readouterr().out == "production: armed\n"


@pytest.mark.parametrize("seconds", ["1e12", "0", "-5", "nan", "inf", "31622401"])
def test_a_window_that_nobody_lives_to_see_is_refused(
    shop: Path, seconds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["monitor", "--duration", seconds]) == 2
    told = capsys.readouterr().err
    assert "longer than 0, and 366 days at most" in told
    assert told.endswith("say it in seconds: mobius monitor --duration 3600\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["disarm", "--reason", "x"], "Missing option '--for'"),
        (["disarm", "--for", "30m"], "Missing option '--reason'"),
        (["disarm", "--for", "soon", "--reason", "x"], '"soon" is not a duration'),
        (["disarm", "--for", "9h", "--reason", "x"], "9 h is not a time to be disarmed for"),
        (["report-issue", " "], "what was reported?"),
        (["disram"], "No such command 'disram'"),
    ],
)
def test_what_is_not_meant_is_refused_with_exit_2(
    shop: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert run(["monitor", *words]) == 2
    assert said in capsys.readouterr().err


def test_an_issue_is_kept_where_nothing_is_watched(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["monitor", "report-issue", "no sound", "--by", "support", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["run"], told["issue"]["by"], told["issue"]["text"]) == (0, "support", "no sound")


def test_a_score_of_nothing_says_so(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["monitor", "report-issue", "makes the journal"])
    capsys.readouterr()
    assert run(["monitor", "score", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["healthy"], found["false_alarms_pct"], found["windows"]) == (0, None, [])
    assert run(["monitor", "score"]) == 0
    assert capsys.readouterr().out == (
        "no healthy window yet: accepted, and nobody went back within a day\n"
        "no release was taken back by a person\n"
        "too early to say: 0 of 20 healthy windows\n"
    )


def test_without_a_word_it_watches_what_is_live(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["monitor", "report-issue", "makes the journal"])
    assert run(["monitor", "-e", "production", "--duration", "60"]) == 2
    assert "there is nothing live to watch" in capsys.readouterr().err
