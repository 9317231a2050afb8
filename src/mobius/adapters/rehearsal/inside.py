"""The program that runs inside an isolated boot: starts the release, asks for its health, runs the smoke tests.

It reads one JSON line (`Asked`) from its input and says JSON lines (`Line`) on its output. When its input ends, whoever
asked is gone, and it ends too; all that it started goes with it, for it is the first process in there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from mobius.adapters.checks.http import HttpChecks
from mobius.adapters.ends import whole
from mobius.adapters.places import Places
from mobius.adapters.rehearsal.asked import Asked, Line, Served
from mobius.adapters.rehearsal.inside_bounds import end_when_left, say, with_no_more_than
from mobius.adapters.targets.reached import reached_at
from mobius.model.settings import EnvironmentSettings
from mobius.model.verdict import CheckResult, Outcome

LOG_LINES, LOG_BYTES = 40, 16_384
QUICK_S = 0.1
NOT_FOUND = (126, 127)  # as POSIX has it for shells: found and not to be run, not found


@dataclass(slots=True)
class Started:
    """A process of the release, and the last of what it said."""

    served: Served
    process: subprocess.Popen[bytes]
    said: deque[bytes] = field(default_factory=lambda: deque(maxlen=64))

    def keep_reading(self) -> None:
        """Reads what it says to the end; only the last of it is kept."""
        assert self.process.stdout is not None
        while chunk := os.read(self.process.stdout.fileno(), 4096):
            self.said.append(chunk)

    def tail(self) -> tuple[str, ...]:
        chunks = tuple(self.said)
        content = b"".join(chunks)[-LOG_BYTES:]
        is_cut = len(chunks) == self.said.maxlen or len(content) == LOG_BYTES
        text = whole(content) if is_cut else content.decode(errors="replace")
        lines = ["".join(c if c.isprintable() else " " for c in line) for line in text.splitlines()]
        return tuple(f"{self.served.name}: {line}" for line in lines[-LOG_LINES:])


def main() -> None:
    """Does what the first line of the input asks, and says how it went."""
    asked = msgspec.json.decode(sys.stdin.buffer.readline(), type=Asked)
    end_when_left()
    with_no_more_than(asked.user, asked.memory_bytes)
    say(Line("up"))
    began = time.monotonic()
    started: list[Started] = []
    try:
        for served in asked.processes:
            started.append(_start(served))
    except (OSError, ValueError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else str(problem)
        name = asked.processes[len(started)].name
        say(Line("done", outcome="FAIL", sentence=f"{name} cannot be started: {why}", log=_log(started)))
        return
    say(judged(asked, started, began))


def judged(asked: Asked, started: Sequence[Started], began: float) -> Line:
    """The health gate as a deployment has it, then every smoke test."""
    checks = _checks(asked)
    why = _await_healthy(asked, checks, started)
    if why and (lacking := next((one for one in started if one.process.poll() in NOT_FOUND), None)):
        # A shell's word for a program that is not there: it may well be there where the service runs.
        told = f"{lacking.served.name} needs a program that is not shown in here: name its folder in rehearsal.show"
        return Line("done", outcome="ERROR", sentence=told, log=_log(started))
    if why:
        return Line("done", outcome="FAIL", sentence=why, log=_log(started))
    say(Line("healthy", after_s=time.monotonic() - began))
    smoke = checks.smoke(_url(started[0].served))
    bad = [result for result in smoke if result.outcome is not Outcome.PASS]
    failed = [result for result in bad if result.outcome is Outcome.FAIL]
    outcome = Outcome.FAIL if failed else Outcome.ERROR if bad else Outcome.PASS
    told = f"{len(smoke) - len(bad)} of {len(smoke)} smoke tests passed"
    if bad:
        worst = (failed or bad)[0]
        told += f"; {worst.name}: {worst.message}"
    after_s = time.monotonic() - began
    short = tuple(replace(result, output="") for result in smoke)
    return Line("done", after_s, str(outcome), told, short, _log(started) if bad else ())


def _await_healthy(asked: Asked, checks: HttpChecks, started: Sequence[Started]) -> str:
    """ "" once it is healthy, else why it is not."""
    health, began = asked.health, time.monotonic()
    good, good_since = 0, began
    answer: CheckResult | None = None
    while (now := time.monotonic()) - began < health.deadline_s:
        for one in started:
            if (code := one.process.poll()) is not None:
                return f"{one.served.name} ended with {_ended(code)} on the restored copy"
        url = _url(started[0].served)
        answer = checks.health(url)
        if answer.outcome is Outcome.PASS:
            good_since = now if good == 0 else good_since
            good += 1
            if good >= health.successes and time.monotonic() - good_since >= health.min_healthy_s:
                return ""
        else:
            good = 0
        time.sleep(health.interval_s if good else min(health.interval_s, QUICK_S))
    last = answer.message if answer is not None else "it was never asked"
    return f"not healthy within {health.deadline_s:g} s on the restored copy: {last}"


def _ended(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _url(served: Served) -> str:
    """Where it is asked: as the front door finds a slot."""
    if served.listen == "socket":
        return f"unix:{served.socket}"
    if served.listen == "port":
        return f"http://127.0.0.1:{served.port}"
    return reached_at(served.port, served.socket)


def _start(served: Served) -> Started:
    process = subprocess.Popen(
        list(served.start),
        cwd=served.cwd,
        env=dict(served.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    started = Started(served, process)
    threading.Thread(target=started.keep_reading, daemon=True).start()
    return started


def _checks(asked: Asked) -> HttpChecks:
    settings = EnvironmentSettings(
        name=asked.environment,
        url=asked.url,
        root=Path(asked.root),
        health=asked.health,
        smoke=asked.smoke,
    )
    places = Places(Path(asked.project), Path(asked.root), asked.links)
    return HttpChecks(settings, resolve=places.resolve, cwd=Path(asked.cwd))


def _log(started: Sequence[Started]) -> tuple[str, ...]:
    time.sleep(QUICK_S)  # what it said last is still on its way
    return tuple(line for one in started for line in one.tail())


if __name__ == "__main__":
    main()
