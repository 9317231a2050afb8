"""A console that cannot show every sign, as Windows has them: nothing ends with a traceback, and JSON stays whole."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mobius.cli.console import PLAIN, speak_plainly
from mobius.cli.main import COMMANDS

CONFIG = """
service = "dhash"
[[process]]
name = "web"
start = ["python3", "app.py"]
[environments.production]
url = "http://127.0.0.1:1"
deploy_lead = "Zoë Ł"
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "mobius.toml").write_text(CONFIG, encoding="utf-8")
    (folder / "app.py").write_text("pass\n", encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "1"],
    ):
        subprocess.run(["git", *words], cwd=folder, env=env, check=True, timeout=60)
    return folder


def on_console(encoding: str, words: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "mobius", *words.split()],
        cwd=folder,
        env=env,
        capture_output=True,
        timeout=120,
    )
    assert b"Traceback" not in done.stdout + done.stderr, (words, done.stdout, done.stderr)
    return done


@pytest.mark.parametrize("encoding", ["cp1252", pytest.param("cp850", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "words",
    [
        "plan --tag HEAD",
        "ready --tag HEAD",
        "status",
        "config show",
        "doctor",
        "quick",
        "init --dry-run",
        "--help",
    ],
)
def test_a_command_shows_what_the_console_can_show(encoding: str, words: str, project: Path) -> None:
    done = on_console(encoding, words, project)
    assert done.stdout.decode(encoding).strip()
    assert done.returncode in (0, 3, 4)


def test_json_is_utf_8_on_every_console(project: Path) -> None:
    done = on_console("cp1252", "ready --tag HEAD --json", project)
    told = json.loads(done.stdout.decode("utf-8"))
    assert "Zoë Ł" in json.dumps(told, ensure_ascii=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_help_of_every_command_fits_every_console(name: str, project: Path) -> None:
    assert on_console("cp1252", f"{name} --help", project).returncode == 0


def test_signs_become_words_and_whatever_is_left_a_question_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="cp1252"))
    speak_plainly(["status"])
    print("✓ 40 → 9 ms … ≥ 1 │ 日 é", flush=True)
    assert raw.getvalue().decode("cp1252").splitlines() == ["ok 40 -> 9 ms … >= 1 | ? é"]


def test_a_console_that_shows_all_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8", errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", None)  # without a console at all there is none
    speak_plainly(["status", "--json"])
    assert (stream.encoding, stream.errors) == ("utf-8", "strict")


def test_every_word_can_be_shown_everywhere() -> None:
    assert all(word.isascii() for word in PLAIN.values())
    assert all(len(sign) == 1 and not sign.isascii() for sign in PLAIN)
