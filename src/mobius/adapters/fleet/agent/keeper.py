"""Makes this host run what `state` says, and keeps it so: starts what is missing, stops what is not wanted any more,
starts again what died. Killed itself, the next one knows the processes again and none of them notices."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Dict, Tuple

from . import processes, state
from .refusal import Refusal

TURN_S = 0.05
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)  # before it is started again; the last for every further time
STEADY_S = 30.0  # up for so long, it begins again with the shortest pause
Key = Tuple[str, str]
SEEN: dict[str, Any] = {
    "pid": int, "started": str, "generation": int, "release": str, "kind": str, "port": int, "state": str,
    "restarts": int, "tries": int, "since": (int, float), "until": (int, float), "stop_signal": str,
    "stop_timeout_s": (int, float),
}  # fmt: skip
Seen = Dict[str, Any]  # pid, started, generation, release, state, restarts, since, stopping


def seen_path(root: Path) -> Path:
    """What the keeper last saw, for whoever asks."""
    return root / "run" / "seen.json"


def read_seen(root: Path) -> dict[str, Any]:
    """`{"keeper": {...}, "processes": {"slot/name": {...}}}`; empty where no keeper ever was, without what cannot be
    believed: who keeps them is found by looking, and writes it anew."""
    try:
        told = json.loads(seen_path(root).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        told = {}
    told = told if isinstance(told, dict) else {}
    there, kept = told.get("processes"), told.get("keeper")
    believed = {
        key: one
        for key, one in (there if isinstance(there, dict) else {}).items()
        if isinstance(one, dict) and all(isinstance(one.get(name), kind) for name, kind in SEEN.items())
    }
    is_whole = isinstance(kept, dict) and {"pid", "started", "version"} <= set(kept)
    return {"keeper": kept if is_whole else {}, "processes": believed}


def only_one(root: Path) -> int | None:
    """The lock of the keeper, held; None while another one has it."""
    run = root / "run"
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.open(str(run / "keeper.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


class Keeper:
    """One host's keeper. `version`: the digest of the file that it was started from."""

    def __init__(self, root: Path, version: str) -> None:
        self._root = root
        self._version = version
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._seen: dict[Key, Seen] = {}
        self._told = ""
        self._wrote: tuple[int, ...] = ()
        self._read: tuple[int, ...] = (-1,)
        self._wanted: dict[str, Any] = state.fresh()
        for key, one in read_seen(root)["processes"].items():
            slot, _, name = key.partition("/")
            self._seen[slot, name] = dict(one)
        for slot, name, generation, pid in processes.left_behind(root):
            self._know_again(slot, name, generation, pid)

    def _know_again(self, slot: str, name: str, generation: int, pid: int) -> None:
        """A process that is there and not written down is taken for what it says it is, and told from then on."""
        known = self._seen.get((slot, name))
        if known is not None and processes.is_alive(known["pid"], known["started"]):
            return
        there = _every(state.read(self._root)).get((slot, name), {})
        self._seen[slot, name] = _made(there, pid=pid, generation=generation, state="running")

    def run(self, stopped: Stopped) -> None:
        """Until it is asked to go, or its folder is gone; what it started goes on."""
        while not stopped.asked and seen_path(self._root).parent.is_dir():
            self.turn()
            time.sleep(TURN_S)

    def turn(self) -> None:
        """One look at what is wanted and what is there. A state that cannot be read leaves everything as it is."""
        sign = _sign_of(state.path_of(self._root))
        if sign != self._read:
            with contextlib.suppress(Refusal, OSError):
                self._wanted = state.read(self._root)
            self._read = sign
        self._collect()
        wanted = _every(self._wanted)
        for key in sorted(set(wanted) | set(self._seen)):
            self._one(key, wanted.get(key))
        self._tell()

    def _one(self, key: Key, wanted: dict[str, Any] | None) -> None:
        seen = self._seen.get(key)
        lives = seen is not None and processes.is_alive(seen["pid"], seen["started"])
        fits = wanted is not None and seen is not None and seen["generation"] == wanted["generation"]
        if seen is not None and not fits and (lives or not processes.is_gone(seen["pid"], seen["started"])):
            self._end(seen)
        elif wanted is None:
            self._seen.pop(key, None)
        elif seen is None or not fits:
            self._start(key, wanted, restarts=0)
        elif not lives:
            self._again(key, seen, wanted)

    def _again(self, key: Key, seen: Seen, wanted: dict[str, Any]) -> None:
        """It died: what it left behind is ended, and after a pause it is started once more."""
        now = time.time()
        if seen["state"] == "running":
            processes.signal_all(seen["pid"], seen["started"], "KILL")
            steady = now - seen["since"] > STEADY_S
            tries = 0 if steady else seen["tries"]
            pause_s = PAUSES_S[min(tries, len(PAUSES_S) - 1)]
            seen.update(state="backoff", since=now, until=now + pause_s, tries=tries + 1)
        elif now >= seen["until"] or now < seen["since"]:  # or somebody has set the clock back
            self._start(key, wanted, restarts=seen["restarts"] + 1, tries=seen["tries"])

    def _start(self, key: Key, wanted: dict[str, Any], *, restarts: int, tries: int = 0) -> None:
        slot = key[0]
        made = _made(wanted, generation=wanted["generation"], restarts=restarts, tries=tries)
        try:
            child = processes.start(self._root, slot, wanted["release"], wanted)
        except (OSError, Refusal) as problem:
            self._seen[key] = dict(
                made, state="failed", why=str(problem), tries=tries + 1, until=time.time() + PAUSES_S[-1]
            )
            return
        self._children[child.pid] = child
        self._seen[key] = dict(made, state="running", pid=child.pid, started=processes.started_at(child.pid))

    def _end(self, seen: Seen) -> None:
        """Asked once, then by force when its time is over."""
        now = time.time()
        if seen["state"] != "stopping":
            processes.signal_all(seen["pid"], seen["started"], seen["stop_signal"])
            seen.update(state="stopping", since=now, until=now + float(seen["stop_timeout_s"]))
        elif now >= seen["until"] or now < seen["since"]:
            processes.signal_all(seen["pid"], seen["started"], "KILL")

    def _collect(self) -> None:
        for pid, child in list(self._children.items()):
            if child.poll() is not None:
                del self._children[pid]

    def _tell(self) -> None:
        """Written when something changed, and when the file is not the one that was written. A full disk keeps nothing
        from running."""
        told = {
            "keeper": {
                "pid": os.getpid(),
                "started": processes.started_at(os.getpid()),
                "version": self._version,
            },
            "processes": {"{}/{}".format(*key): one for key, one in sorted(self._seen.items())},
        }
        text = json.dumps(told, sort_keys=True)
        path = seen_path(self._root)
        if text == self._told and _sign_of(path) == self._wrote:
            return
        new = path.with_name(".seen.json.new")
        try:
            new.write_text(text, encoding="utf-8")
            os.replace(str(new), str(path))
            self._told, self._wrote = text, _sign_of(path)
        except OSError:
            pass


def _sign_of(path: Path) -> tuple[int, ...]:
    """Another one whenever the file was replaced."""
    try:
        found = os.stat(str(path))
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _every(told: dict[str, Any]) -> dict[Key, dict[str, Any]]:
    """Every process that is wanted, with its release."""
    return {
        (slot, name): dict(one, release=there["release"])
        for slot, there in told["slots"].items()
        for name, one in there["processes"].items()
    }


def _made(wanted: dict[str, Any], **more: Any) -> Seen:
    """What is written of one process, before more is known."""
    now, pid = time.time(), more.get("pid", 0)
    made: Seen = {"pid": 0, "generation": 0, "restarts": 0, "tries": 0, "state": "failed", "why": ""}
    made.update(release=wanted.get("release", ""), kind=wanted.get("kind", "web"), port=wanted.get("port", 0))
    made.update(
        stop_signal=wanted.get("stop_signal", "TERM"), stop_timeout_s=wanted.get("stop_timeout_s", 30.0)
    )
    made.update(since=now, until=now + 1.0, started=processes.started_at(pid) if pid else "")
    made.update(more)
    return made


class Stopped:
    """Whether somebody asked this process to end."""

    def __init__(self) -> None:
        self.asked = False
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._ask)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _ask(self, *_: Any) -> None:
        self.asked = True
