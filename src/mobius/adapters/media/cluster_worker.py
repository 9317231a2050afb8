"""What a worker of a cluster does for us: text in, text out, so that nobody unpacks anybody's objects.

Each film is read in a child, as everywhere: what breaks a decoder does not break the worker.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections import deque
from pathlib import Path
from typing import Any

from mobius.adapters.media.child import Limits
from mobius.adapters.media.pool import PoolExecutor
from mobius.errors import GateUnknown, Interrupted, MobiusError

MOST = 256  # lanes of one run; a process is there for those only that are used
_runs: dict[str, PoolExecutor] = {}
_over: deque[str] = deque(maxlen=64)
_guard = threading.Lock()


def work(text: str) -> str:
    """One film, asked as `ask_of` writes it."""
    asked = json.loads(text)
    try:
        return json.dumps({"answer": _measured(asked)})
    except MobiusError as problem:
        told = {"kind": type(problem).__name__, "message": problem.message, "hint": problem.hint}
        return json.dumps({"error": told})


def versions() -> str:
    """Who measures here, or why nobody does."""
    with PoolExecutor(1) as pool:
        try:
            return json.dumps({"meter": dict(pool.meter())})
        except MobiusError as problem:
            return json.dumps({"problem": problem.message})


def stop(run: str) -> None:
    """That run is over: what it still measures is ended."""
    with _guard:
        _over.append(run)
        pool = _runs.pop(run, None)
    if pool is not None:
        pool.__exit__()


def _measured(asked: dict[str, Any]) -> Any:
    file, here = Path(asked["file"]), socket.gethostname()
    for wanted, flag in ((Path(asked["cwd"]), os.X_OK), (file, os.R_OK)):
        if not os.access(wanted, flag):
            why = "cannot be read" if wanted.exists() else "is not there"
            raise GateUnknown(
                f"{file.name}: {wanted} {why} on the worker {here}",
                "workers need the same files at the same paths: share the folder, or measure without --cluster",
            )
    return _pool(asked["run"], Limits(**asked["limits"])).ask(
        asked["job"], file, asked["options"], asked["cwd"]
    )


def _pool(run: str, limits: Limits) -> PoolExecutor:
    with _guard:
        if run in _over:
            raise Interrupted("stopped measuring", "that run is over")
        if run not in _runs:
            _runs[run] = PoolExecutor(MOST, limits)
        return _runs[run]
