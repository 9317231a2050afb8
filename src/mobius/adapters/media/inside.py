"""The child's side: limits first, then one job on one file, told on the standard output as JSON."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from mobius.errors import GateUnknown, MobiusError

NICE = 10


def bounded(memory_bytes: int, cpu_s: int, *, nice: bool = False) -> None:
    """No more than that from here on; where the system has no such limits, the parent's clock is the only one."""
    if nice and hasattr(os, "nice"):
        os.nice(NICE)
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def answered(asked: dict[str, Any]) -> dict[str, Any]:
    """The job's answer, or the error it raised."""
    from mobius.adapters.media.jobs import JOBS

    file = Path(asked["file"])
    if cwd := asked.get("cwd"):
        os.chdir(cwd)
    try:
        return {"answer": JOBS[asked["job"]](file, **asked["options"])}
    except MobiusError as problem:
        return _told(problem)
    except MemoryError:
        return _told(
            GateUnknown(
                f"{file.name}: it takes more memory than one file may",
                "render it smaller, or in a common format",
            )
        )


def _told(problem: MobiusError) -> dict[str, Any]:
    return {"error": {"kind": type(problem).__name__, "message": problem.message, "hint": problem.hint}}


def main() -> None:
    """One job from the standard input."""
    asked = json.load(sys.stdin)
    bounded(asked["memory_bytes"], asked["cpu_s"], nice=bool(asked.get("nice")))
    json.dump(answered(asked), sys.stdout, allow_nan=False)


if __name__ == "__main__":
    main()
