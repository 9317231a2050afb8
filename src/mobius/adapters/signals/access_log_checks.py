"""Whether the access log that a window will read can be read, before anything depends on it."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

from mobius.model.settings import TrafficSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.rules.access_log import Seen, Unread, parse

NAME = "access log"
SAMPLE_BYTES = 64 * 1024
HINT = "let the user that mobius runs as read it (its group is often adm)"


def access_log_checks(traffic: TrafficSettings) -> tuple[CheckResult, ...]:
    """Looks, changes nothing: one check where a log is configured, none where there is not."""
    if traffic.access_log is None:
        return ()
    began = time.perf_counter()
    outcome, message, advice = _answer(traffic.access_log, traffic.access_log_format)
    return (CheckResult(NAME, outcome, message, (time.perf_counter() - began) * 1000, advice),)


def _answer(path: Path, log_format: str) -> tuple[Outcome, str, str]:
    try:
        lines = _newest_lines(path)
    except FileNotFoundError:
        if path.parent.is_dir():
            return Outcome.PASS, f"{path} is not there yet: some proxies make it with their first request", ""
        return (
            Outcome.FAIL,
            f"there is no folder {path.parent} for the access log",
            "check access_log in [traffic]",
        )
    except OSError as error:
        return Outcome.FAIL, f"{path} cannot be read: {error.strerror or error}", HINT
    read = [
        one for line in lines if not (isinstance(one := parse(line, log_format), Unread) and one.is_other)
    ]
    seen = [one for one in read if isinstance(one, Seen)]
    if not read:
        return Outcome.PASS, f"{path} can be read, and has no request yet", ""
    if 2 * len(seen) < len(read):
        why = next(one.reason for one in read if isinstance(one, Unread))
        message = (
            f"{path}: {len(read) - len(seen):,} of the last {len(read):,} lines are not understood ({why})"
        )
        return Outcome.FAIL, message, "include what `mobius traffic snippet` prints, or set access_log_format"
    if not any(one.duration_ms is not None for one in seen):
        message = (
            f"{path} can be read; its lines have no response times, so those of the health checks are judged"
        )
        return Outcome.PASS, message, "include what `mobius traffic snippet` prints"
    return Outcome.PASS, f"{path} can be read, with response times", ""


def _newest_lines(path: Path) -> list[bytes]:
    """The whole lines of its last 64 KiB."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "it is no regular file")
        start = max(0, status.st_size - SAMPLE_BYTES)
        text = os.pread(file, SAMPLE_BYTES, start)
    finally:
        os.close(file)
    lines = text.split(b"\n")[1 if start else 0 : -1]
    return [line for line in lines if line.strip(b"\0\r ")]
