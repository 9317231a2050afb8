"""What an error says is for people to pass on: no secret of the environment is in it, not even in that of a fault."""

from __future__ import annotations

import json

import pytest

from mobius.adapters.redaction import SHOWN
from mobius.cli import main
from mobius.errors import GateFailed, MobiusError

PASSWORD, TOKEN = "canary-of-an-address", "canary-of-a-token"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_URL", f"redis://app:{PASSWORD}@127.0.0.1:6379/0")
    monkeypatch.setenv("API_TOKEN", TOKEN)


@pytest.mark.parametrize("as_json", [False, True])
def test_an_error_tells_no_secret_that_another_program_said(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    said = GateFailed(f"it said {TOKEN}", f"ask it again with {PASSWORD}", details=(f"at {PASSWORD}",))

    main.tell(said, as_json=as_json)

    out, err = capsys.readouterr()
    assert err == f"error: it said {SHOWN}\n  at {SHOWN}\n  ask it again with {SHOWN}\n"
    if as_json:
        told = json.loads(out)
        assert (told["message"], told["details"], told["hint"]) == (
            f"it said {SHOWN}", [f"at {SHOWN}"], f"ask it again with {SHOWN}",
        )  # fmt: skip


def test_a_fault_of_our_own_is_an_error_with_a_next_step_and_tells_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(**_: object) -> int:
        raise KeyError(TOKEN)

    monkeypatch.setattr(main.mobius, "main", breaks)

    assert main.run(["status", "--json"]) == MobiusError.exit_code

    out, err = capsys.readouterr()
    assert json.loads(out)["message"] == f"a fault of mobius itself: KeyError: '{SHOWN}'"
    assert "in breaks" in err and TOKEN not in out + err
    assert err.endswith("please report it, with the lines above; what was begun goes on: mobius status\n")
