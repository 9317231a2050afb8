"""Each file is read in a process of its own, within limits: what breaks it, breaks that file's measurement only.

A decoder that crashes, eats memory, or never ends is an error of the file (`GateUnknown`), never of the run.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobius.errors import GateFailed, GateUnknown, MobiusError, UsageError

INSIDE = "mobius.adapters.media.inside"
ANSWER_BYTES = 64 << 20
KINDS = {kind.__name__: kind for kind in (GateFailed, GateUnknown, UsageError, MobiusError)}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may take: address space in bytes, seconds of processor, seconds by the clock. `nice`: only what
    nobody else needs of the processor."""

    memory_bytes: int = 4 << 30
    cpu_s: int = 600
    wall_s: float = 900.0
    nice: bool = False


def ask(job: str, file: Path, options: Mapping[str, Any], limits: Limits = Limits(), cwd: str = "") -> Any:
    """What the job (a name of `jobs.JOBS`) says of the file. Raises what it raised, and `GateUnknown` where the child
    did not live to tell."""
    child = started(INSIDE)
    try:
        out, err = child.communicate(asked(job, file, options, limits, cwd), timeout=limits.wall_s)
    except subprocess.TimeoutExpired:
        raise too_long(job, file, limits) from None
    finally:
        _end(child)
    return answer(job, file, child.returncode, out, err)


def asked(job: str, file: Path, options: Mapping[str, Any], limits: Limits, cwd: str = "") -> bytes:
    """One line for the other side. `cwd`: what paths are relative to, where that is not its own folder."""
    told = {"job": job, "file": str(file), "options": dict(options), "memory_bytes": limits.memory_bytes}
    return json.dumps({**told, "cwd": cwd, "cpu_s": limits.cpu_s, "nice": limits.nice}).encode()


def started(module: str) -> subprocess.Popen[bytes]:
    """That module in a process and session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,
    )


def too_long(job: str, file: Path, limits: Limits) -> GateUnknown:
    """Nobody waits for it any more."""
    return GateUnknown(
        f"{file.name}: {job} did not end within {limits.wall_s:g} s",
        "the file is huge, or made to keep a reader busy",
    )


def answer(job: str, file: Path, code: int, out: bytes, err: bytes) -> Any:
    """What a child that ended with this code said. Raises what it raised, and `GateUnknown` where it said nothing."""
    if code == 0 and len(out) <= ANSWER_BYTES:
        with contextlib.suppress(ValueError):
            told = json.loads(out)
            if (problem := told.get("error")) is None:
                return told["answer"]
            raise KINDS.get(problem["kind"], GateUnknown)(problem["message"], problem["hint"])
    raise GateUnknown(f"{file.name}: {job} broke off: {_why(code, err)}", "the file is broken or hostile")


def _why(code: int, err: bytes) -> str:
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        known = {
            "SIGXCPU": "it took too much processor time",
            "SIGKILL": "it was killed, for its memory perhaps",
        }
        return known.get(name, f"the decoder crashed ({name})")
    last = err.decode(errors="replace").strip().rpartition("\n")[2][:200]
    return "it took too much memory" if "MemoryError" in last else last or f"exit code {code}"


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.kill()
        child.communicate()
