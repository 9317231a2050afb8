"""A process that has everything loaded, and forks a child for each file: half a second less for each of many films.

It opens no file itself, so what breaks a child breaks that measurement only. It reads one job a line and answers with
one line; when whoever asks is gone, it ends its child and itself. POSIX only: elsewhere a process is started for each.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import sys
import tempfile
from typing import Any, BinaryIO

from mobius.adapters.media.child import ANSWER_BYTES
from mobius.adapters.media.inside import answered, bounded
from mobius.adapters.media.meter import versions
from mobius.errors import GateUnknown

PIECE = 1 << 16
SAID = 4_096  # bytes of what a child complained of


def main() -> None:
    """Says who measures, then does one job after the other."""
    try:
        told = versions()
    except GateUnknown as problem:
        _write({"error": {"message": problem.message, "hint": problem.hint}})
        return
    importlib.import_module("mobius.adapters.media.goldens")  # and all that it needs, once for all children
    gc.freeze()
    _write({"meter": told})
    while line := sys.stdin.buffer.readline():
        with tempfile.TemporaryFile() as complaints:
            _write(_done(line, complaints))


def _done(line: bytes, complaints: BinaryIO) -> dict[str, Any]:
    """What the child said, and how it ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _inside(line, writing, complaints)
    os.close(writing)
    out = _read(reading, child)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    complaints.seek(0)
    told = {"out": out.decode(errors="replace"), "err": complaints.read(SAID).decode(errors="replace")}
    return {"code": os.waitstatus_to_exitcode(status), **told}


def _inside(line: bytes, writing: int, complaints: BinaryIO) -> None:
    """The child's whole life. It never returns into what the parent does."""
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for there, wanted in ((nothing, 0), (writing, 1), (complaints.fileno(), 2)):
            os.dup2(there, wanted)
        asked = json.loads(line)
        bounded(asked["memory_bytes"], asked["cpu_s"], nice=bool(asked.get("nice")))
        told = json.dumps(answered(asked), allow_nan=False).encode()
        with open(1, "wb", closefd=False) as out:
            out.write(told)
        code = 0
    except BaseException as broken:
        os.write(2, f"{type(broken).__name__}: {broken}".encode()[:SAID])
    finally:
        os._exit(code)


def _read(reading: int, child: int) -> bytes:
    """Until the child is done. One that says too much is ended, and so is all when nobody waits any more."""
    out = bytearray()
    while True:
        ready, _, _ = select.select([reading, sys.stdin.fileno()], [], [])
        if reading in ready:
            if not (piece := os.read(reading, PIECE)):
                return bytes(out)
            out += piece
            if len(out) > ANSWER_BYTES:
                os.kill(child, signal.SIGKILL)
        else:  # the next job comes only after this answer: it is the end
            os.kill(child, signal.SIGKILL)
            os._exit(1)


def _write(told: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
