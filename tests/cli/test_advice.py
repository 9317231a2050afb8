"""Advice names the environment that was named: a command that is copied from the screen acts on the same one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobius.cli.advice import addressed, for_environment
from mobius.cli.main import run
from mobius.errors import MobiusError

TWO = """
service = "shop"
[[process]]
name = "web"
start = ["true"]
[environments.production]
url = "http://127.0.0.1:59999"
[environments.staging]
url = "http://127.0.0.1:59998"
"""


def test_the_environment_stands_behind_the_command_once() -> None:
    advice = "make one: mobius evidence key init; or look: mobius audit verify --head HASH"
    told = (
        "make one: mobius evidence key init -e staging; or look: mobius audit verify -e staging --head HASH"
    )
    assert for_environment("staging", advice) == told
    assert for_environment("staging", told) == told
    assert for_environment(None, advice) == advice
    assert for_environment("staging", "mobius status") == "mobius status"


def test_an_error_carries_it_too() -> None:
    with pytest.raises(MobiusError) as raised, addressed("staging"):
        raise MobiusError("there is no key", "mobius evidence key init --rotate")
    assert raised.value.hint == "mobius evidence key init -e staging --rotate"


@pytest.mark.parametrize(
    ("words", "code", "last"),
    [
        ("evidence verify -e staging", 4, "it is written when a run ends: mobius evidence write -e staging"),
        ("evidence show -e staging", 2, "it is written when a run ends: mobius evidence write -e staging"),
        ("audit verify -e staging", 4, "it begins with the first deployment: mobius plan -e staging"),
    ],
)
def test_what_is_advised_can_be_typed_as_it_stands(
    words: str,
    code: int,
    last: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "mobius.toml").write_text(TWO, "utf-8")
    monkeypatch.chdir(tmp_path)
    assert run(words.split()) == code
    assert capsys.readouterr().err.rstrip().splitlines()[-1].strip() == last


def test_a_key_that_is_there_already_is_said_with_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mobius.toml").write_text(TWO, "utf-8")
    monkeypatch.chdir(tmp_path)
    assert run(["evidence", "key", "init", "-e", "staging"]) == 0
    capsys.readouterr()
    assert run(["evidence", "key", "init", "-e", "staging"]) != 0
    assert "mobius evidence key init -e staging --rotate" in capsys.readouterr().err
