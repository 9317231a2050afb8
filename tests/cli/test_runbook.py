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


OBSERVED = 'service = "shop"\n[environments.production]\ntarget = "observe"\nurl = "http://127.0.0.1:5993"\n'
COMMANDED = (
    OBSERVED.replace("observe", "command") + '[command]\ndeploy = ["./up"]\nrollback = ["./back", "now"]\n'
)


def said(folder: Path, config: str, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    (folder / "mobius.toml").write_text(config)
    monkeypatch.chdir(folder)
    return CliRunner().invoke(mobius, words, catch_exceptions=False, standalone_mode=False).output


def test_where_nothing_goes_back_by_mobius_no_command_is_told_that_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = said(tmp_path, OBSERVED, monkeypatch, "runbook", "rollback")
    assert "rollback -e production --emergency" not in page and "do it by your own means" in page
    assert "mobius host" not in page and "the first person above" not in page
    quick = said(tmp_path, OBSERVED, monkeypatch, "quick")
    for refused in ("mobius deploy", "mobius plan", "mobius logs", "rollback -e production --emergency"):
        assert refused not in quick
    assert "try: mobius monitor -e production" in said(tmp_path, OBSERVED, monkeypatch, "config", "check")


def test_where_a_command_of_their_own_goes_back_the_page_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = said(tmp_path, COMMANDED, monkeypatch, "runbook", "rollback")
    assert "mobius rollback -e production --emergency" in page
    assert "Your own command runs, the data stays: `./back now`. Within 5 min." in page
    assert "mobius host" not in page and "`mobius logs -e production` says what your own command said" in page


def test_the_first_person_is_called_only_where_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = COMMANDED + '[[escalation.steps]]\nrole = "deploy lead"\n'
    assert "call the first person above" in said(tmp_path, named, monkeypatch, "runbook", "rollback")
