"""`mobius doctor` and `mobius quick` in a project that was just made."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
from pathlib import Path

import pytest

from free_ports import free_port
from init.samples import SQLITE, git_in, lay_out
from mobius.cli.main import COMMANDS, run
from mobius.report.shims import SHIMS


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = lay_out(
        tmp_path / "notes", {path: text for path, text in SQLITE.items() if path != "data/notes.db"}
    )
    run(["--config", str(made / "mobius.toml"), "init", "--yes", "--port", str(free_port())])
    git_in(made, "add", "-A")
    git_in(made, "commit", "-qm", "Take mobius in")
    return made


def mobius(project: Path, *words: str) -> int:
    return run(["--config", str(project / "mobius.toml"), *words])


def checks(project: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, tuple[str, str]]:
    capsys.readouterr()
    mobius(project, "doctor", "-e", "production", "--json", *words)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {each["name"]: (each["outcome"], each["cure"]) for each in told}


def test_nothing_is_missing_in_a_project_that_was_just_made(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert set(checks(project, capsys).values()) == {("PASS", "")}
    assert mobius(project, "doctor", "-e", "production") == 0
    assert capsys.readouterr().err == "nothing is missing\n"


def test_each_thing_that_is_missing_has_its_cure(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git_in(project, "tag", "-d", "v1.0.0")
    (project / "app.py").write_text("changed\n")
    (project / "data").mkdir()
    (project / "data/notes.db").write_bytes(b"")
    config = project / "mobius.toml"
    text = config.read_text().replace('"python3"', '"python-that-is-not-there"')
    config.write_text(text[: text.index("[[smoke]]")] + text[text.index("[backup]") :])
    (project / "scripts/deploy_notes.sh").chmod(0o644)
    found = checks(project, capsys)
    shared = project / ".mobius/production/shared"
    assert found["git tag"] == ("FAIL", "git tag v1.0.0")
    assert found["work tree"] == ("FAIL", "git commit -a, or git stash")
    assert found["data"] == ("FAIL", f"mkdir -p {shared} && cp -a data {shared / 'data'}")
    assert found["start command of web"][0] == "FAIL"
    assert found["smoke tests"] == ("FAIL", "add a [[smoke]] to mobius.toml")
    if os.name == "posix":
        assert found["scripts"] == ("FAIL", "chmod +x scripts/deploy_notes.sh")
    assert mobius(project, "doctor", "-e", "production") == 3


def test_a_port_that_is_taken_is_said_with_who_holds_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from mobius.config import load

    port = int(load(project / "mobius.toml", environ={}).environment("production").listen.rpartition(":")[2])
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        outcome, cure = checks(project, capsys)["port"]
    assert outcome == "FAIL"
    assert "another `listen`" in cure


def test_a_signal_that_cannot_be_read_is_a_warning_and_stops_only_where_it_is_required(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, port = project / "mobius.toml", free_port()
    signal = f'\n[[signal]]\nname = "queue"\nurl = "http://127.0.0.1:{port}"\nquery = "up"\n'
    config.write_text(config.read_text() + signal)
    git_in(project, "commit", "-qam", "Read the queue")
    assert mobius(project, "doctor", "-e", "production") == 0
    told = capsys.readouterr().out
    assert f"  warn   signal queue: could not be read: http://127.0.0.1:{port}/api/v1/query:" in told

    config.write_text(config.read_text() + "required = true\n")
    git_in(project, "commit", "-qam", "Insist on the queue")
    cure = "make it readable, or take required = true from [[signal]] queue"
    assert checks(project, capsys)["signal queue"] == ("ERROR", cure)
    assert mobius(project, "doctor", "-e", "production") == 4


def test_a_configuration_with_mistakes_is_what_doctor_says(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "mobius.toml").write_text("service = 7\n")
    assert mobius(project, "doctor") == 3
    assert "FAIL   mobius.toml: " in capsys.readouterr().out


def test_a_journal_that_cannot_be_read_could_not_be_measured(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = project / ".mobius/production"
    root.mkdir(parents=True)
    (root / "journal.db").write_bytes(b"no database" * 1000)
    assert "ERROR" in {outcome for outcome, _ in checks(project, capsys).values()}
    assert mobius(project, "doctor", "-e", "production") == 4


def test_quick_fits_a_terminal_and_holds_only_this_project_s_values(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mobius(project, "quick") == 0
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines()[1:]) <= 80
    assert "mobius deploy -e production --tag v1.0.0 --detach" in text
    assert "backups/notes_*.zip" in text


def test_every_quick_command_can_be_pasted_into_a_shell(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mobius(project, "quick", "-e", "staging", "--json")
    groups = json.loads(capsys.readouterr().out)["groups"]
    lines = [" \\\n".join(command["lines"]) for group in groups for command in group["commands"]]
    assert len(lines) >= 15
    for line in lines:
        assert subprocess.run(["bash", "-n", "-c", line], capture_output=True).returncode == 0, line
        words = shlex.split(line.replace("\\\n", ""))
        if words[0] == "mobius":
            assert words[1] in COMMANDS


def test_every_script_stands_for_a_command_that_is_there() -> None:
    assert {shim.words.split()[0] for shim in SHIMS} <= set(COMMANDS)
