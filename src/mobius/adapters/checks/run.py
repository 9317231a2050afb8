"""Runs one command of a check to its end or its timeout, keeps the last of what it said, leaves nothing behind."""

from __future__ import annotations

import atexit
import collections
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

KEPT_BYTES = 16_384
KEPT_LINES = 20
GRACE_S = 1.0  # between asking to stop and making it stop
_running: set[subprocess.Popen[bytes]] = set()


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: `exit_code` None when it could not be started or had to be stopped, and then why.
    `complaint`: what it said on stderr, where that was kept apart from its output."""

    exit_code: int | None
    reason: str
    output: str
    seconds: float
    timed_out: bool = False
    complaint: str = ""


def run(
    argv: Sequence[str],
    *,
    cwd: Path | None,
    env: Mapping[str, str],
    timeout_s: float,
    apart: bool = False,
    keep_bytes: int = 0,
) -> Ran:
    """Runs `argv` without a shell and without input, `env` on top of our own environment. Never raises for what
    the command does; returns at most a little more than `GRACE_S` after the timeout. `apart`: stderr is no output;
    `keep_bytes`: so much of the output is kept, whatever its lines."""
    begun = time.monotonic()
    try:
        process = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if apart else subprocess.STDOUT,
            start_new_session=True,  # its own group, so that all of it can be stopped; without effect on Windows
        )
    except (OSError, ValueError) as error:
        return Ran(None, _why_not(argv, cwd, error), "", time.monotonic() - begun)
    _running.add(process)
    try:
        return _to_its_end(process, timeout_s, begun, keep_bytes)
    finally:
        _running.discard(process)


def _to_its_end(process: subprocess.Popen[bytes], timeout_s: float, begun: float, keep_bytes: int) -> Ran:
    said = _Tail(process.stdout, keep_bytes)
    complained = _Tail(process.stderr) if process.stderr else said
    try:
        code = process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        _stop(process)
        said.finish(GRACE_S)
        return Ran(
            None, f"not done within {timeout_s:g} s", said.text(), time.monotonic() - begun, timed_out=True
        )
    if not (said.finish(GRACE_S / 4) and complained.finish(GRACE_S / 4)):
        # Something it started still holds its output: a check leaves nothing running.
        _signal_group(process, hard=True)
        said.finish(GRACE_S)
        complained.finish(GRACE_S)
    complaint = "" if complained is said else complained.text()
    return Ran(code, _how(code), said.text(), time.monotonic() - begun, complaint=complaint)


def _why_not(argv: Sequence[str], cwd: Path | None, error: Exception) -> str:
    if isinstance(error, FileNotFoundError) and cwd is not None and not cwd.is_dir():
        return f"its folder is not there: {cwd}"
    if isinstance(error, FileNotFoundError):
        return f"{argv[0]} is not there"
    if isinstance(error, PermissionError):
        return f"{argv[0]} may not be run"
    return f"{argv[0]} cannot be started: {error}"


def _how(code: int) -> str:
    if code < 0:
        return f"ended by {_signal_name(-code)}"
    # A shell says so of its child in this way.
    return f"ended by {_signal_name(code - 128)}" if 128 < code < 160 else f"exit code {code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _stop(process: subprocess.Popen[bytes]) -> None:
    _signal_group(process, hard=False)
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        pass
    # Also when its leader went quietly: the rest of the group may have stayed.
    _signal_group(process, hard=True)
    process.wait()


@atexit.register
def _stop_what_runs() -> None:
    """A check in a background thread ends with us: nobody would keep its time any more."""
    for process in tuple(_running):
        if process.poll() is None:
            _signal_group(process, hard=True)


def _signal_group(process: subprocess.Popen[bytes], *, hard: bool) -> None:
    if hasattr(os, "killpg"):
        try:
            os.killpg(process.pid, signal.SIGKILL if hard else signal.SIGTERM)
        except (ProcessLookupError, PermissionError):
            pass
        return
    try:
        tree = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    except psutil.Error:
        return
    for one in tree:
        try:
            one.kill() if hard else one.terminate()
        except psutil.Error:
            pass


class _Tail:
    """Reads a pipe to its end in a thread and keeps the last of it, so that a talkative command never blocks."""

    def __init__(self, pipe: IO[bytes] | None, keep_bytes: int = 0) -> None:
        assert pipe is not None
        self._pipe = pipe
        self._keep_bytes = keep_bytes or KEPT_BYTES
        self._keep_lines = 0 if keep_bytes else KEPT_LINES
        self._pieces: collections.deque[bytes] = collections.deque()
        self._held = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._read, daemon=True, name="mobius-output")
        self._thread.start()

    def finish(self, seconds: float) -> bool:
        """Whether all was read within the time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def text(self) -> str:
        """The last lines, as text."""
        with self._lock:
            data = b"".join(self._pieces)[-self._keep_bytes :]
        return "\n".join(data.decode("utf-8", "replace").splitlines()[-self._keep_lines :])

    def _read(self) -> None:
        with self._pipe as pipe:
            while piece := os.read(pipe.fileno(), 65_536):
                with self._lock:
                    self._pieces.append(piece)
                    self._held += len(piece)
                    while self._held - len(self._pieces[0]) > self._keep_bytes:
                        self._held -= len(self._pieces.popleft())
