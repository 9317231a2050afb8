"""Running a tool of the project's own on a database: again where a lock was in its way and nothing was done."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from mobius.adapters.migrations.source import HOLD_ENDS, HOLD_LONGER, Change, Progress, Ran, Runner, Target
from mobius.errors import MobiusError
from mobius.model.advance import Waiting

WITHIN_S = 3600.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0
LAST_LINES = 12
# SQLSTATE 55P03 in the words of PostgreSQL and of the drivers that give its name; SQLite's in the words of all.
_LOCKED = re.compile(
    r"55P03|canceling statement due to lock timeout|LockNotAvailable|lock_not_available"
    r"|database is locked|SQLITE_BUSY"
)
# The line that says why, the surest first: what a language prints of an uncaught error, then words for one.
_SAYS_WHY = (
    re.compile(r"^[\w.:]*(?:Error|Exception|ERROR|FATAL|fatal)\b[^:]{0,40}: *\S"),
    re.compile(r"^(?!\s*(?:at |\(|\[)).*(?:error|exception|fail|refused|denied|cannot)", re.IGNORECASE),
    re.compile(""),
)
State = TypeVar("State")


def require_runner(runner: Runner | None, layout: str) -> Runner:
    """Raises `MobiusError` where nobody is there to run the tool."""
    if runner is None:
        raise MobiusError(
            f"the migrations are run by {layout}, and nothing may be run here",
            "plan and deploy with mobius: it runs them in the release",
        )
    return runner


def run_tool(
    runner: Runner,
    argv: Sequence[str],
    *,
    cwd: Path,
    target: Target,
    progress: Progress,
    state: Callable[[], State] | None,
    hint: str,
) -> Ran:
    """Runs it to its end. It is tried again, with growing pauses, for `target.retry_within_s`, where it failed because
    it could not get a lock and `state` is what it was before: nothing was applied meanwhile. Without `state` never, and
    not beyond the end of a hold.

    Raises `MobiusError` with the end of what it said when it fails; `hint` is the next step.
    """
    before = state() if state is not None else None
    until, pause = time.monotonic() + target.retry_within_s, FIRST_PAUSE_S
    while True:
        ran = runner.run(argv, cwd=cwd, target=target, within_s=WITHIN_S, progress=progress)
        if ran.code == 0:
            return ran
        now, ends_at = time.monotonic(), target.hold_ends_at
        hold_ends = ends_at is not None and now + pause >= ends_at
        may_repeat = state is not None and _LOCKED.search(ran.output) and (hold_ends or now + pause < until)
        if not may_repeat or state is None or state() != before:
            raise failure(argv, ran, hint)
        if hold_ends:
            problem = failure(argv, ran, HOLD_LONGER)
            raise MobiusError(f"{problem.message}; {HOLD_ENDS}", problem.hint, details=problem.details)
        bound = f", until the hold of requests ends in {ends_at - now:.1f} s" if ends_at is not None else ""
        progress(Waiting(f"a lock was in the way, nothing was changed: trying again in {pause:.1f} s{bound}"))
        time.sleep(pause * random.uniform(0.75, 1.25))
        pause = min(pause * 2, LONGEST_PAUSE_S)


def may_be_half(pending: Sequence[Change]) -> str:
    """After a tool that failed or was ended: what nobody can tell of the migration at which it did."""
    if not pending or pending[0].transactional:
        return ""
    return f"{pending[0].name} runs outside of a transaction, and nobody can tell how much of it is there"


def failure(argv: Sequence[str], ran: Ran, hint: str) -> MobiusError:
    """What it said last, for whoever has to repair it."""
    lines = [line.rstrip() for line in ran.output.splitlines() if line.strip()]
    why = f"ended by signal {-ran.code}" if ran.code < 0 else f"exit code {ran.code}"
    saying = (line for pattern in _SAYS_WHY for line in reversed(lines) if pattern.search(line))
    last = f": {line.strip()}" if (line := next(saying, "")) else ""
    return MobiusError(f"{' '.join(argv)} failed ({why}){last}", hint, details=tuple(lines[-LAST_LINES:]))
