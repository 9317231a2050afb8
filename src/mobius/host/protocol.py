"""How a command, the supervisor and the door talk: one JSON line asks, one answers, on a Unix socket."""

from __future__ import annotations

import array
import contextlib
import hashlib
import json
import os
import socket
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

from mobius.errors import MobiusError

LINE_LIMIT_BYTES = 16 * 1024 * 1024
SOCKET_PATH_LIMIT_BYTES = 100  # sun_path holds 108 on Linux, 104 on macOS, with its closing NUL

ELSEWHERE = "do it on the host that runs the service: mobius --on USER@HOST COMMAND"

Answer = dict[str, Any]


class HostUnavailable(MobiusError):
    """The supervisor (or the door) does not answer, or was lost before it did; every op may be repeated."""

    next_step = "look at it: mobius host status"


class HostRefused(MobiusError):
    """The supervisor understood and will not do it; nothing was changed. The message says why."""

    next_step = "see what runs: mobius host status"


def find_socket(run: Path, name: str) -> Path:
    """Where the socket `name` of this run directory is; looking changes nothing."""
    near = run / name
    return near.readlink() if near.is_symlink() else near


def place_socket(run: Path, name: str) -> Path:
    """Where to bind the socket `name` of this run directory: beside the rest, or, when that path is too long for
    a Unix socket, in a private directory of this user, with a link to it beside the rest (the directory depends
    on the environment, so nobody else could compute it). Raises HostUnavailable when that is not private."""
    near = run / name
    if len(os.fsencode(near)) <= SOCKET_PATH_LIMIT_BYTES:
        return near
    private = _runtime_folder() / f"mobius-{os.getuid()}-{hashlib.sha256(os.fsencode(run)).hexdigest()[:16]}"
    with contextlib.suppress(FileExistsError):
        private.mkdir(mode=0o700)
    found = private.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise HostUnavailable(
            f"{private} is not a private directory of this user, so no socket can be put there",
            "remove it, or set XDG_RUNTIME_DIR to a directory only this user can enter",
        )
    fresh = run / f".{name}.new"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(private / name)
    fresh.replace(near)
    return private / name


def remove_socket(run: Path, name: str) -> None:
    """Takes the socket away, and the private directory when it was the last one there."""
    path = find_socket(run, name)
    for one in {path, run / name}:
        one.unlink(missing_ok=True)
    if path.parent != run:
        with contextlib.suppress(OSError):
            path.parent.rmdir()


def _runtime_folder() -> Path:
    short = 40
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    for folder in (given, tempfile.gettempdir()):
        if folder and len(os.fsencode(folder)) <= short and Path(folder).is_dir():
            return Path(folder)
    return Path("/tmp")


SLOTS_VARIABLE = "MOBIUS_SLOTS"


def why_no_supervisor() -> str:
    """Why none can run on this system, in one sentence; "" where one can."""
    if hasattr(socket, "AF_UNIX") and hasattr(os, "fork"):
        return ""
    return f"services run on Linux and macOS: this is {sys.platform}, without Unix sockets and fork"


def slots_have_sockets() -> bool:
    """Whether a web process may listen on a Unix socket. Where there are none, as on Windows, its loopback port is all
    it has; `MOBIUS_SLOTS=port` in the environment of the supervisor makes it so on any system."""
    return hasattr(socket, "AF_UNIX") and os.environ.get(SLOTS_VARIABLE) != "port"


def ask(path: Path, op: str, params: dict[str, Any], *, timeout_s: float) -> Answer:
    """Asks and waits for the answer. Raises HostRefused for a no, HostUnavailable when there is no answer."""
    sent = False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(timeout_s)
            line.connect(os.fspath(path))
            sent = True
            line.sendall(encode({"op": op, "params": params}))
            with line.makefile("rb") as answers:
                return result_of(answers.readline(LINE_LIMIT_BYTES), op)
    except (OSError, AttributeError) as error:
        if isinstance(error, AttributeError):
            raise HostUnavailable(why_no_supervisor() or str(error), ELSEWHERE) from error
        what = "was lost before it answered" if sent else "does not answer"
        if isinstance(error, TimeoutError):
            what = f"did not answer within {timeout_s:g} s"
        raise HostUnavailable(
            f"the supervisor at {path} {what} ({op}): {error}", "repeat it: every operation may be repeated"
        ) from error


def ask_for_sockets(path: Path, count: int, *, timeout_s: float) -> list[socket.socket]:
    """Asks a door for its listening sockets, which come as descriptors over SCM_RIGHTS."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(timeout_s)
            line.connect(os.fspath(path))
            line.sendall(encode({"op": "sockets", "params": {}}))
            room = socket.CMSG_LEN(count * array.array("i").itemsize)
            _, ancillary, _, _ = line.recvmsg(64, room)
    except OSError as error:
        raise HostUnavailable(f"{path.name} does not give its sockets: {error}") from error
    found: list[socket.socket] = []
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            numbers = array.array("i")
            numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
            found += [socket.socket(fileno=number) for number in numbers]
    return found


def encode(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def result_of(line: bytes, op: str) -> Answer:
    if not line.endswith(b"\n"):
        raise ConnectionError("the answer broke off")
    answer = json.loads(line)
    if answer["ok"]:
        result: Answer = answer["result"]
        return result
    kind = HostRefused if answer["error"] == "refused" else HostUnavailable
    raise kind(answer["message"], answer.get("hint", ""))
