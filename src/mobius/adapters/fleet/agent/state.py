"""What this host shall run, and who may say so: one checksummed file, changed under one lock.

    {"epoch": 7, "slots": {"blue": {"release": "v2-1a2b", "processes": {"api": {...}}}}, "live": "", "previous": ""}

The epoch is the highest fencing token that came here. Whatever comes with a lower one changes nothing. Nor does what
comes on a line that was opened before the one on which that token was last said: a line that was cut may bring what was
asked on it a minute later, when this host has been put right long since. Who is still there opens a new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

from .refusal import Refusal

SCHEMA = 1
LOCK_WITHIN_S = 10.0
State = Dict[str, Any]
Line = Tuple[str, int]  # the boot of this host, and when in it the line was opened (ticks); 0: nobody knows
NO_LINE = ("", 0)


def fresh() -> State:
    """Of a host that was never told anything."""
    return {"schema": SCHEMA, "epoch": 0, "slots": {}, "live": "", "previous": ""}


def path_of(root: Path) -> Path:
    """Where it lies."""
    return root / "fleet.json"


def read(root: Path) -> State:
    """What was last written. Raises `Refusal` for a file that is damaged, or of a newer version."""
    try:
        text = path_of(root).read_bytes()
    except FileNotFoundError:
        return fresh()
    try:
        told = json.loads(text.decode("utf-8"))
        checksum = told.pop("checksum")
        whole = checksum == _checksum(told)
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        whole = False
        told = {}
    if not whole:
        path = path_of(root)
        cure = f"cp {path}.before {path}"
        if not os.path.exists(f"{path}.before"):
            cure = f"rm {path}, which ends what it runs"
        raise Refusal(
            "damaged",
            f"{path} is damaged: what it says cannot be believed",
            f"what runs there goes on; on that host: {cure}; then here: mobius resume",
        )
    if told.get("schema") != SCHEMA:
        raise Refusal(
            "newer", f"{path_of(root)} was written by a newer mobius", "use that one, or a newer one still"
        )
    return dict(told)


def write(root: Path, state: State) -> None:
    """Replaces it as a whole, durably; the one before stays beside it. Raises `Refusal` where the disk takes it not."""
    path = path_of(root)
    text = json.dumps(dict(state, checksum=_checksum(state)), sort_keys=True, indent=1)
    try:
        if path.exists():
            before = path.with_name(path.name + ".before")
            _write_durably(before, path.read_bytes())
        _write_durably(path, text.encode("utf-8"))
    except OSError as problem:
        raise Refusal(
            "disk",
            f"{path} cannot be written: {problem.strerror or problem}",
            f"free space below {root}; nothing was changed",
        ) from problem


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """One change at a time on this host. Raises `Refusal` where another takes too long."""
    import fcntl  # not where hosts are simulated on Windows

    run = root / "run"
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.open(str(run / "fleet.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + LOCK_WITHIN_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise Refusal(
                        "busy", "this host is being changed by another mobius", "try again when it is done"
                    ) from None
                time.sleep(0.02)
        yield
    finally:
        os.close(file)


@contextlib.contextmanager
def changing(root: Path, token: int, line: Line) -> Iterator[State]:
    """The state, to be changed in place; written when the `with` ends well. Token and line are looked at under the same
    lock as the change is made: a lower one than the host has seen, or an older one, raises `Refusal` and changes
    nothing."""
    with locked(root):
        state = read(root)
        check(state, token, line)
        before = json.dumps(state, sort_keys=True)
        state["epoch"] = token
        yield state
        if json.dumps(state, sort_keys=True) != before:
            write(root, state)


def check(state: State, token: int, line: Line) -> None:
    """Raises `Refusal` for a token lower than the highest that came here, and for a line older than the one on which it
    came."""
    if token >= int(state["epoch"]):
        newest = state.get("line") or {}
        if line[0] == newest.get("boot") and line[1] < int(newest.get("opened") or 0):
            raise Refusal(
                "line",
                "this was asked on a line that another one has taken over from",
                "ask again on a new one",
            )
        return
    emergency = state.get("emergency") or {}
    if token < int(emergency.get("token", 0)):
        raise Refusal(
            "fenced",
            "an emergency of {} went past the journal, and this host takes nothing from before it".format(
                emergency.get("by")
            ),
            "on the machine where that was: mobius resume, which writes it down; look: mobius status",
        )
    raise Refusal(
        "fenced",
        f"token {token} is no longer valid here: this host has seen {int(state['epoch'])}",
        "another run has taken over; look: mobius status",
    )


def fence(state: State, token: int, by: str, at: float, line: Line) -> None:
    """The token is the lowest that has an effect from here on, and no older line than this one has any; `by`: whose
    emergency that is, "" for no emergency."""
    state["epoch"] = token
    if line[1]:
        state["line"] = {"boot": line[0], "opened": line[1]}
    if by:
        state["emergency"] = {"token": token, "by": by, "at": at}


def _write_durably(path: Path, content: bytes) -> None:
    new = path.with_name("." + path.name + ".new")
    try:
        with new.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(str(new), str(path))
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
    folder = os.open(str(path.parent), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _checksum(state: State) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode("utf-8")).hexdigest()
