"""A command has an end, and leaves nobody behind when it fails."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from mobius.adapters.processes import run_bounded


def run(tmp_path: Path, *argv: str, timeout_s: float = 20.0) -> tuple[str, str]:
    with (tmp_path / "out").open("wb") as output:
        said = run_bounded(
            argv, cwd=tmp_path, env={**os.environ, "A": "1"}, output=output, timeout_s=timeout_s
        )
    return said, (tmp_path / "out").read_text()


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("true", ""),
        ("exit 7", "exit code 7"),
        ("kill -9 $$", "killed by signal 9"),
        ("sleep 50", "not finished"),
    ],
)
def test_how_it_ended_is_said_in_words(script: str, why: str, tmp_path: Path) -> None:
    said, out = run(
        tmp_path, "sh", "-c", f"echo $A; pwd >&2; {script}", timeout_s=2.0 if "sleep" in script else 20
    )
    assert said.startswith(why) if why else said == ""
    assert out == f"1\n{tmp_path}\n"


def test_what_cannot_be_started_is_said_in_words(tmp_path: Path) -> None:
    assert run(tmp_path, "no-such-command")[0] == "no-such-command: No such file or directory"
    assert run(tmp_path, "echo", "a\0b")[0] == "echo: embedded null byte"


def test_it_reads_nothing_from_our_terminal(tmp_path: Path) -> None:
    assert run(tmp_path, "cat") == ("", "")


@pytest.mark.parametrize("ends", ["exit 1", "sleep 50"])
def test_what_a_failed_command_started_goes_with_it(ends: str, tmp_path: Path) -> None:
    _, out = run(tmp_path, "sh", "-c", f"sleep 1000 & echo $!; {ends}", timeout_s=2.0)
    give_up_at = time.monotonic() + 30
    while not is_gone(int(out)):
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
