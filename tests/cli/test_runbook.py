"""`mobius runbook --check`: whether the runbooks that init wrote still say what mobius.toml says."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from mobius.cli.main import mobius
from mobius.errors import GateFailed
from mobius.flows.actions import ACTIONS
from mobius.report.runbook_troubles import TROUBLES


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "package.json").write_text('{"name": "shop", "scripts": {"start": "node s.js"}}')
    monkeypatch.chdir(tmp_path)
    CliRunner().invoke(mobius, ["init", "--yes"], catch_exceptions=False, standalone_mode=False)
    return tmp_path


def checked(what: str) -> object:
    return (
        CliRunner()
        .invoke(mobius, ["runbook", what, "--check"], catch_exceptions=False, standalone_mode=False)
        .return_value
    )


@pytest.mark.parametrize("what", ["deploy", "rollback"])
def test_a_runbook_that_fits_is_well_and_one_that_is_behind_is_not(project: Path, what: str) -> None:
    assert checked(what) == 0
    config = project / "mobius.toml"
    config.write_text(config.read_text().replace(":3000", ":4000"))
    with pytest.raises(GateFailed, match="does not say what"):
        checked(what)


def test_a_runbook_that_is_not_there_is_told(project: Path) -> None:
    (project / "runbooks" / "deployment_runbook.md").unlink()
    with pytest.raises(GateFailed, match="there is no"):
        checked("deploy")


def test_every_step_says_what_its_failure_means() -> None:
    assert set(ACTIONS) - set(TROUBLES) <= {"end_commands", "gate_after", "let_go", "restore_release"}
    assert set(TROUBLES) <= set(ACTIONS)
