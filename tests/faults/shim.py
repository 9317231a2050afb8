"""The shim compiled and armed: which calls are struck, how, and what it saw (see `shim.c`)."""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
KINDS = {
    "count": 0,
    "full once": 1,  # ENOSPC at this call only
    "broken once": 2,  # EIO at this call only
    "quota": 3,  # EDQUOT at this call only
    "short": 4,  # half of the bytes are written
    "killed before": 5,
    "killed after": 6,
    "stays full": 7,  # ENOSPC from this call on, for all that need space
    "stays broken": 8,  # EIO from this call on
}
GROUPS = {"changes": 1, "reads": 2}

_HEAD = struct.Struct("<QQiiii32s968s")
_CALL = struct.Struct("<24sQ")


@dataclass(frozen=True, slots=True)
class Fault:
    """What shall happen at the `nth` call (from 1; 0: never) of `group` below the given folders."""

    kind: str = "count"
    nth: int = 0
    group: str = "changes"

    def __str__(self) -> str:
        return f"{self.kind} at call {self.nth}"

    def environ(self, library: Path, state: Path, below: Sequence[Path]) -> dict[str, str]:
        """What a process must be started with."""
        return {
            "LD_PRELOAD": str(library),
            "FAULTS_STATE": str(state),
            "FAULTS_FOLDERS": ":".join(map(str, below)),
            "FAULTS_NTH": str(self.nth),
            "FAULTS_KIND": str(KINDS[self.kind]),
            "FAULTS_GROUP": str(GROUPS[self.group]),
        }

    def arm(self, state: Path, below: Sequence[Path]) -> None:
        """In this process, which has the shim preloaded, from here on."""
        armed = ctypes.CDLL(None).faults_arm(
            os.fsencode(state),
            os.fsencode(":".join(map(str, below))),
            ctypes.c_ulong(self.nth),
            KINDS[self.kind],
            GROUPS[self.group],
        )
        assert armed == 0, f"the shim could not be armed by {state}"


def disarm() -> None:
    """Count and strike no more in this process."""
    ctypes.CDLL(None).faults_disarm()


@dataclass(frozen=True, slots=True)
class Seen:
    """What the shim saw: calls in all and by name, how many it answered wrongly, and which one first, on what."""

    count: int
    by_name: Mapping[str, int]
    struck: int
    call: str
    path: str


def seen(state: Path) -> Seen:
    """Read after the process has ended, however it did."""
    content = state.read_bytes()
    count, _, _, _, struck, _, call, path = _HEAD.unpack_from(content)
    by_name = {}
    for at in range(_HEAD.size, len(content), _CALL.size):
        name, calls = _CALL.unpack_from(content, at)
        if name := _text(name):
            by_name[name] = calls
    return Seen(count, by_name, struck, _text(call), _text(path))


def why_not() -> str | None:
    """Why there can be no shim here, None if there can."""
    if os.uname().sysname != "Linux":
        return "the shim is for Linux"
    if shutil.which("gcc") is None:
        return "there is no gcc to compile the shim with"
    return None


def compiled(folder: Path) -> Path:
    """The library, made in `folder`."""
    library = folder / "shim.so"
    command = ["gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return library


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode(errors="replace")
