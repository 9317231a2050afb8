"""`mobius export` as a person meets it: a dry run that writes nothing, and secrets only for who types the name."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mobius.cli.main import run

TOML = """
service = "dhash"

[[process]]
name = "api"
start = ["serve"]
env = { API_TOKEN = "canary-in-toml-77" }

[environments.production]
url = "http://127.0.0.1:5001"

[environments.staging]
url = "http://127.0.0.1:5002"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mobius.toml").write_text(TOML)
    (tmp_path / ".env").write_text("DB=canary-in-env-88\n")
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "rollback.md").write_text("use canary-in-toml-77\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def members(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_a_dry_run_lists_everything_and_writes_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(project.rglob("*"))
    assert run(["export", "-e", "production", "--dry-run"]) == 0
    said = capsys.readouterr()
    assert "configuration/runbooks/rollback.md" in said.out
    assert said.err == "nothing was written; to write it: mobius export -e production\n"
    assert sorted(project.rglob("*")) == before


def test_without_an_environment_it_is_the_main_one_and_git_never_sees_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    archive = Path(told["file"])
    assert told["environment"] == "production"
    assert archive.parent == project / "exports"
    assert archive.name.startswith("dhash_production_export_")
    assert (project / "exports" / ".gitignore").read_text() == "*\n"
    found = members(archive)
    assert found["configuration/runbooks/rollback.md"] == "use «redacted»\n".encode()
    assert found["configuration/environment/.env.names.txt"] == b"DB\n"
    assert json.loads(found["configuration/effective.json"])["origins"]
    assert {"facts/git.json", "facts/system.json", "facts/dependencies.json", "README.txt"} <= found.keys()
    assert not any(b"canary-in" in content for content in found.values())


def test_where_it_goes_can_be_said_and_nothing_is_overwritten(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", "--out", "x.zip"]) == 0
    before = (project / "x.zip").read_bytes()
    assert run(["export", "--out", "x.zip"]) == 2
    assert "there is a file already" in capsys.readouterr().err
    assert (project / "x.zip").read_bytes() == before


def test_two_exports_of_the_same_state_differ_in_nothing_but_when(project: Path) -> None:
    assert run(["export", "--out", "1.zip"]) == run(["export", "--out", "2.zip"]) == 0
    first, second = members(project / "1.zip"), members(project / "2.zip")
    assert first.keys() == second.keys()
    timed = ("MANIFEST.json", "README.txt", "SHA256SUMS", "facts/system.json")
    assert [name for name in first if first[name] != second[name] and name not in timed] == []


def test_secrets_are_not_had_without_a_terminal(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "--include-secrets"]) == 2
    assert "secrets leave this host only when a person at a terminal says so" in capsys.readouterr().err
    assert not (project / "exports").exists()


@pytest.mark.parametrize(("typed", "code"), [("dhash", 0), ("yes", 1), ("y", 1), ("", 1)])
def test_secrets_are_had_by_who_types_the_name_of_the_service(project: Path, typed: str, code: int) -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "mobius", "export", "--include-secrets", "--out", "x.zip"]
    os.write(ours, f"{typed}\n".encode())
    done = subprocess.run(words, stdin=theirs, capture_output=True, timeout=120)
    os.close(ours)
    os.close(theirs)
    assert done.returncode == code, done
    assert (project / "x.zip").exists() is (code == 0)
    if code == 0:
        found = members(project / "x.zip")
        assert b"THIS ARCHIVE HAS SECRETS INSIDE" in found["WARNING-SECRETS-INSIDE.txt"]
        assert b"canary-in-env-88" in found["configuration/environment/.env"]
        assert not any(name.endswith(".pem") for name in found)
        assert b"SECRETS ARE INSIDE" in done.stderr


def test_a_file_that_is_no_export_cannot_be_held_against_the_log(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", "verify", "-e", "production", "--against", "mobius.toml"]) == 2
    assert "give an export" in capsys.readouterr().err


@pytest.mark.parametrize(
    "problem",
    [
        PermissionError(13, "Permission denied"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        OSError(5, "I/O"),
    ],
)
def test_a_source_that_cannot_be_read_is_noted_and_the_rest_is_exported(
    project: Path, problem: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> dict[str, object]:
        raise problem

    monkeypatch.setattr("mobius.adapters.exporting.facts.git_facts", broken)
    assert run(["export", "-e", "production", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    found = members(Path(told["file"]))
    assert "configuration/mobius.toml" in found
    assert "journal/events.jsonl" in found
    left_out = json.loads(found["MANIFEST.json"])["left_out"]
    assert [one for one in left_out if one["name"] == "facts" and "cannot be read" in one["why"]], left_out


def test_a_journal_that_cannot_be_read_is_noted_and_the_rest_is_exported(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = project / ".mobius" / "production" / "journal.db"
    journal.parent.mkdir(parents=True)
    journal.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    assert run(["export", "-e", "production", "--json"]) == 0
    found = members(Path(json.loads(capsys.readouterr().out)["file"]))
    left_out = {one["name"] for one in json.loads(found["MANIFEST.json"])["left_out"]}
    assert {"journal", "the head of the audit log"} <= left_out
    assert "facts/system.json" in found
