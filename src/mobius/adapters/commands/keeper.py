"""The program that keeps one command: runs it to its end apart from whoever asked, and writes down how it ended.

keeper FOLDER TIMEOUT_S COMMAND [ARGUMENT ...]

It holds the lock that it was given for as long as it lives: so a runner that was killed, and comes again, sees
whether the command goes on, has ended and how, or was lost with its keeper (a kill -9, a reboot).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from mobius.host.children import birth_of, group_is_gone, signal_group
from mobius.host.state import write_atomically

GRACE_S = 5.0  # between asking to stop and making it stop
BEGAN, CHILD, ENDED, OUTPUT, LOCK = "began.json", "child.json", "ended.json", "output.log", "lock"
asked_to_stop: list[int] = []


def main(argv: list[str]) -> int:
    """Exit 0 whatever became of the command: that is in `ended.json`."""
    folder, timeout_s, command = Path(argv[0]), float(argv[1]), argv[2:]
    signal.signal(signal.SIGTERM, lambda number, _: asked_to_stop.append(number))
    for name in ("SIGHUP", "SIGINT"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    write_atomically(folder / BEGAN, {"pid": os.getpid(), "at": time.time()})
    log = os.open(folder / OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    except (OSError, ValueError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else str(problem)
        return _ended(folder, None, f"{command[0]}: {why}")
    write_atomically(folder / CHILD, {"pid": child.pid, "birth": birth_of(child.pid)})
    return _ended(folder, *_to_its_end(child, timeout_s))


def _to_its_end(child: subprocess.Popen[bytes], timeout_s: float) -> tuple[int | None, str]:
    """Its exit code, and the reason why it did not do what it should ("" when it did)."""
    until = time.monotonic() + timeout_s
    while True:
        try:
            code = child.wait(0.1)
        except subprocess.TimeoutExpired:
            if asked_to_stop:
                _end_all(child)
                return None, "ended by mobius"
            if time.monotonic() > until:
                _end_all(child)
                return None, f"not finished after {timeout_s:g} s, ended"
            continue
        # What it left running stays: starting a service may well be what it was for.
        if code < 0:
            return code, f"killed by signal {-code}"
        return code, f"exit code {code}" if code else ""


def _end_all(child: subprocess.Popen[bytes]) -> None:
    """Ends the command and everything in its group."""
    signal_group(child.pid, signal.SIGTERM)
    until = time.monotonic() + GRACE_S
    while time.monotonic() < until:
        child.poll()
        if group_is_gone(child.pid):
            return
        time.sleep(0.02)
    signal_group(child.pid, signal.SIGKILL)
    child.wait()


def _ended(folder: Path, code: int | None, failed: str) -> int:
    ended: dict[str, Any] = {"code": code, "failed": failed, "at": time.time()}
    write_atomically(folder / ENDED, ended)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
