"""A command that prints a number: what it prints, how it ends, and that nothing of it stays."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from adapters.signals.reading import missing, read
from host.sites import wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sh is asked")


def sh(script: str) -> tuple[str, ...]:
    return ("sh", "-c", script)


def test_what_it_says_on_stderr_is_not_its_number() -> None:
    assert read(kind="command", run=sh("echo looking >&2; echo 12")).value == 12.0


def test_json_of_many_lines_is_read_whole() -> None:
    script = "import json; print(json.dumps({'jobs': [{'n': k} for k in range(3000)], 'total': 5}, indent=1))"
    assert read(kind="command", run=(sys.executable, "-c", script), path="total", timeout_s=30.0).value == 5.0
    assert (
        read(kind="command", run=(sys.executable, "-c", script), path="jobs[0].n", timeout_s=30.0).value
        == 0.0
    )


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 7; exit 3", "exit code 3"),
        ("echo 7; echo 'no such queue' >&2; exit 1", "exit code 1: no such queue"),
        ("kill -9 $$", "ended by SIGKILL"),
        ("true", "no number: nothing"),
        ("echo 7 jobs", 'no number: "7 jobs"'),
        ("echo 7; echo 8", 'no number: "7 8"'),
    ],
)
def test_how_it_failed_is_the_reason(script: str, reason: str) -> None:
    assert missing(kind="command", run=sh(script)) == reason


def test_a_command_that_is_not_there_is_said() -> None:
    assert missing(kind="command", run=("no-such-program",)) == "no-such-program is not there"


def test_past_its_timeout_it_is_killed_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"trap '' TERM; sleep 60 & echo $! >> {pids}; echo $$ >> {pids}; echo 7; wait; sleep 60"
    begun = time.monotonic()

    assert missing(kind="command", run=sh(script), timeout_s=2.0) == "not done within 2 s"

    assert time.monotonic() - begun < 30
    for pid in map(int, pids.read_text().split()):
        wait_for(f"{pid} to be gone", lambda pid=pid: not is_alive(pid))  # type: ignore[misc]


def test_what_it_leaves_running_is_ended_too(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    assert read(kind="command", run=sh(f"sleep 60 & echo $! > {pids}; echo 7")).value == 7.0
    wait_for("its child to be gone", lambda: not is_alive(int(pids.read_text())))


def test_it_is_told_what_is_watched(tmp_path: Path) -> None:
    script = f'echo "$MOBIUS_ENVIRONMENT $MOBIUS_RELEASE $API_BASE_URL $PWD" > {tmp_path}/told; echo 1'
    read(tmp_path, kind="command", run=sh(script))
    assert (tmp_path / "told").read_text().split() == [
        "production",
        "r2",
        "http://127.0.0.1:1",
        os.fspath(tmp_path),
    ]


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
