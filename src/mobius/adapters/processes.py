"""Runs a command with an end: what it started goes with it when it fails or its time is up."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO


def run_bounded(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], output: IO[bytes], timeout_s: float
) -> str:
    """Runs `argv` (never through a shell) and returns "" for exit 0, else the reason in words; then nothing of
    what it started in its process group is left."""
    try:
        process = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as problem:
        return f"{argv[0]}: {problem.strerror}"
    except ValueError as problem:  # a NUL in an argument or a variable
        return f"{argv[0]}: {problem}"
    try:
        code = process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        kill_group(process)
        return f"not finished after {timeout_s:g} s, killed"
    except BaseException:
        kill_group(process)
        raise
    if code:
        kill_group(process)
    if code < 0:
        return f"killed by signal {-code}"
    return f"exit code {code}" if code else ""


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Ends the command and everything it started."""
    if hasattr(os, "killpg"):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
            pass
    else:
        process.kill()
    process.wait()
