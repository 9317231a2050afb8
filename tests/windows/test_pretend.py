"""What an operator on Windows meets, as far as Linux can pretend: nothing of POSIX is loaded before it is used, the
commands that need no service here work, and the others say in one sentence why they do not."""

from __future__ import annotations

import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import mobius

PRETEND = Path(__file__).parent / "pretend.py"
# These run on the host of the service, or inside bubblewrap there: which is Linux.
ON_THE_HOST = (
    "mobius.adapters.fleet.agent.",
    "mobius.adapters.rehearsal.inside",
    "mobius.adapters.rehearsal.inside_bounds",
    "mobius.adapters.rehearsal.inside_command",
    "mobius.wiring.scratch_inside",
)
CONFIG = """
service = "dhash"

[[process]]
name = "web"
start = ["python", "app.py"]

[[smoke]]
name = "front page"
get = "/"

[environments.production]
url = "http://127.0.0.1:1"
"""
REFUSED = "services run on Linux and macOS: this is win32, without Unix sockets and fork"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one tag."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "mobius.toml").write_text(CONFIG, encoding="utf-8")
    (folder / "app.py").write_text("pass\n", encoding="utf-8")
    (folder / "container.json").write_text('{"streams": []}', encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first"],
        ["tag", "v1"],
    ):
        subprocess.run(["git", *words], cwd=folder, env=env, check=True, timeout=60)
    return folder


def on_windows(
    words: list[str], folder: Path, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "GH_"))}
    done = subprocess.run(
        [sys.executable, str(PRETEND), *words],
        cwd=folder,
        env={**kept, "PYTHONIOENCODING": "utf-8", **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert "Traceback" not in done.stdout + done.stderr, f"{words}\n{done.stdout}\n{done.stderr}"
    return done


def modules() -> list[str]:
    found = (info.name for info in pkgutil.walk_packages(mobius.__path__, "mobius."))
    return [name for name in found if not name.endswith("__main__") and not name.startswith(ON_THE_HOST)]


def test_every_module_can_be_imported_where_there_is_nothing_of_posix(tmp_path: Path) -> None:
    names = modules()
    assert len(names) > 400
    done = on_windows(["import", *names], tmp_path)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("--help", 0, "Ships a release"),
        ("config check", 0, "is right"),
        pytest.param("premerge --help", 0, "Usage: mobius premerge", marks=pytest.mark.slow),
        ("media --help", 0, "Usage: mobius media"),
        ("gates check --container container.json", 4, ""),
        ("status", 0, "backup: none yet"),
        pytest.param("history", 0, "no run yet", marks=pytest.mark.slow),
        pytest.param(
            "init --dry-run --service dhash", 2, "mobius.toml is there already", marks=pytest.mark.slow
        ),
        pytest.param("quick", 0, "mobius deploy", marks=pytest.mark.slow),
        ("plan --tag v1", 3, REFUSED),
        pytest.param("ready --tag v1", 3, "Deploy lead confirmed", marks=pytest.mark.slow),
        pytest.param("scan", 4, "", marks=pytest.mark.slow),
        pytest.param("doctor", 3, REFUSED, marks=pytest.mark.slow),
        ("deploy --tag v1", 3, REFUSED),
        ("host start", 1, REFUSED),
        pytest.param("audit verify", 4, "nothing was written yet", marks=pytest.mark.slow),
        pytest.param("host status", 1, REFUSED, marks=pytest.mark.slow),
        pytest.param("rollback --emergency", 2, "no previous release", marks=pytest.mark.slow),
        pytest.param("freeze --for 1h --reason holiday", 0, "frozen by ann@", marks=pytest.mark.slow),
        pytest.param("freeze --lift", 0, "not frozen any more", marks=pytest.mark.slow),
    ],
)
def test_a_command_works_or_says_in_one_sentence_why_not(
    words: str, code: int, told: str, project: Path
) -> None:
    done = on_windows(words.split(), project, {"USERNAME": "ann"})
    assert done.returncode == code, done.stdout + done.stderr
    assert told in " ".join((done.stdout + done.stderr).split())


def test_what_is_refused_names_the_way_from_here() -> None:
    """The advice stands in the same answer, for a person and for a program."""
    from mobius.host.protocol import ELSEWHERE

    assert ELSEWHERE == "do it on the host that runs the service: mobius --on USER@HOST COMMAND"


def test_a_program_gets_the_refusal_as_json(project: Path) -> None:
    done = on_windows(["host", "status", "--json"], project)
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["exit_code"], told["message"]) == (1, REFUSED)
    assert told["hint"].endswith("mobius --on USER@HOST COMMAND")
