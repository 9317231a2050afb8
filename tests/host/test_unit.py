"""The program between systemd and a process: it becomes what a file says, and holds the lock of what runs alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mobius.host.unit import unit_file

SOURCE = str(Path(__file__).parents[2] / "src")


def write(root: Path, name: str, instance: str, **said: object) -> None:
    path = unit_file(root, name, instance)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cwd": str(root), "env": {}, "kind": "web"} | said))


def begin(root: Path, *argv: str, **env: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-m", "mobius.host.unit", str(root), *argv]
    return subprocess.Popen(
        command,
        env={"PYTHONPATH": SOURCE, "PATH": os.environ["PATH"], **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(root: Path, *argv: str, **env: str) -> tuple[int, str, str]:
    process = begin(root, *argv, **env)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def test_it_becomes_the_command_in_its_folder_with_its_environment(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    show = 'import os; print(os.getcwd(), os.environ["A"], os.environ["B"], os.getpid())'
    write(tmp_path, "api", "blue", argv=[sys.executable, "-c", show], cwd=str(tmp_path / "there"),
          env={"A": '100% "plain" $HOME\nmore'})  # fmt: skip
    process = begin(tmp_path, "api", "blue", B="kept")
    out, _ = process.communicate(timeout=30)
    assert out == f'{tmp_path}/there 100% "plain" $HOME\nmore kept {process.pid}\n'


def test_a_run_has_its_own_folder(tmp_path: Path) -> None:
    write(tmp_path, "run", "7", argv=["echo", "seven"], kind="run")
    assert unit_file(tmp_path, "run", "7") == tmp_path / "run" / "units" / "run" / "7.json"
    assert run(tmp_path, "run", "7") == (0, "seven\n", "")


def test_what_systemd_hands_over_counts_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "mobius-unit").write_text(
        json.dumps({"argv": ["echo", "handed"], "cwd": "/", "env": {}, "kind": "web"})
    )
    assert run(tmp_path, "api", "blue", CREDENTIALS_DIRECTORY=str(tmp_path)) == (0, "handed\n", "")


@pytest.mark.parametrize(
    "argv", [[], ["api"], ["../api", "blue"], ["api", "a/b"], ["api", "blue", "x"], ["", "x"]]
)
def test_a_hostile_instance_is_refused(argv: list[str], tmp_path: Path) -> None:
    code, out, err = run(tmp_path, *argv)
    assert (code, out) == (78, "")
    assert err == "usage: python -m mobius.host.unit ROOT NAME INSTANCE\n"


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"argv": []}', '{"argv": "sh", "env": {}}', '{"argv": ["a"]}']
)
def test_a_file_that_says_nothing_starts_nothing(text: str, tmp_path: Path) -> None:
    path = unit_file(tmp_path, "api", "blue")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    code, _, err = run(tmp_path, "api", "blue")
    assert code == 78
    assert err.startswith(f"{path} does not say what to start: ")


def test_a_missing_command_is_named(tmp_path: Path) -> None:
    write(tmp_path, "api", "blue", argv=["no-such-command"])
    code, _, err = run(tmp_path, "api", "blue")
    assert (code, err) == (
        127,
        f"api cannot be started: No such file or directory: no-such-command in {tmp_path}\n",
    )


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A worker in blue that runs, and a child of it that outlives it."""
    script = (
        "import subprocess, sys; subprocess.Popen(['sleep', '30'], close_fds=False); print('up', flush=True);"
    )
    write(tmp_path, "mail", "blue", kind="worker", argv=[sys.executable, "-c", f"{script} input()"])
    write(tmp_path, "mail", "green", kind="worker", argv=["echo", "second"])
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "mobius.host.unit", str(tmp_path), "mail", "blue"],
        env={"PYTHONPATH": SOURCE, "PATH": os.environ["PATH"], "RUNTIME_DIRECTORY": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    try:
        yield process
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def test_a_second_worker_is_refused_until_all_of_the_first_is_gone(
    sleeper: subprocess.Popen[str], tmp_path: Path
) -> None:
    told = (75, "", "mail still runs in another slot: two of it never run at once\n")
    assert run(tmp_path, "mail", "green", RUNTIME_DIRECTORY=str(tmp_path)) == told
    sleeper.kill()
    sleeper.wait()
    assert run(tmp_path, "mail", "green", RUNTIME_DIRECTORY=str(tmp_path)) == told  # its child holds the lock
    os.killpg(sleeper.pid, 9)
    process = begin(tmp_path, "mail", "green", RUNTIME_DIRECTORY=str(tmp_path))
    out, _ = process.communicate(timeout=30)
    assert out == "second\n"


def test_without_a_folder_for_its_lock_a_worker_does_not_start(tmp_path: Path) -> None:
    write(tmp_path, "mail", "blue", kind="worker", argv=["echo", "up"])
    code, out, err = run(tmp_path, "mail", "blue")
    assert (code, out) == (78, "")
    assert err == "mail has no folder for its lock: the unit lacks RuntimeDirectory=\n"
