"""Before a plain rollback to a release that nobody has seen on the schema as it is, a person is asked."""

from __future__ import annotations

import io
import sys

import pytest

from mobius.cli.rollback import _ask
from mobius.errors import UsageError
from mobius.model.plan import Plan

MOVED = "the schema has moved on since (8_rename)"


def plan(unproven: str) -> Plan:
    facts = {"unproven": unproven} if unproven else {}
    return Plan(
        "rollback", "shop", "production", "v7", "v7-77", "v9-99", "blue", "green", (), (), (), facts=facts
    )


def test_without_a_terminal_it_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    with pytest.raises(UsageError) as asked:
        _ask(plan(MOVED), yes=False, plain=True, quiet=False)

    assert f"Whether v7 works is not proven: {MOVED}." in " ".join(asked.value.message.split())
    assert asked.value.hint == "add --yes"


@pytest.mark.parametrize(("unproven", "yes"), [(MOVED, True), ("", False)])
def test_yes_goes_on_and_what_is_proven_is_not_asked_about(
    unproven: str, yes: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    _ask(plan(unproven), yes=yes, plain=True, quiet=False)

    assert "Go back to it" not in capsys.readouterr().out
