"""What can be asked of this host. Every verb that changes something names its token, and is refused with an old one."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict

from . import keeper, processes, state, tree
from .chunks import Chunks
from .refusal import Refusal

Asked = Dict[str, Any]
Answer = Dict[str, Any]
START_WITHIN_S = 20.0
STOP_SPARE_S = 15.0
POLL_S = 0.03


class Host:
    """The verbs. `stream`: where a release comes from, after the line that announces it."""

    def __init__(self, root: Path, stream: Chunks) -> None:
        self._root = root
        self._stream = stream
        self._line = (
            _boot_id(),
            int(processes.started_at(os.getpid()) or 0),
        )  # it is opened with this process
        self._verbs: dict[str, Callable[[Asked], Answer]] = {
            "hello": self.hello, "fence": self.fence, "stage": self.stage, "start": self.start, "stop": self.stop,
            "restart": self.restart, "processes": self.processes, "tail": self.tail, "point": self.point,
            "remove": self.remove,
        }  # fmt: skip

    def answer(self, asked: Asked) -> Answer:
        """Raises `Refusal` for what this host will not do, or does not know."""
        verb = self._verbs.get(str(asked.get("verb")))
        if verb is None:
            raise Refusal(
                "unknown",
                "this host knows no {!r}".format(asked.get("verb")),
                "use the same mobius at both ends",
            )
        try:
            return verb(asked)
        except OSError as problem:
            raise Refusal(
                "disk" if problem.errno in (28, 122, 30, 5) else "os",
                f"{problem.filename or self._root}: {problem.strerror or problem}",
                f"look at this host: df -h; ls -l {self._root}",
            ) from problem

    # -- looking ---------------------------------------------------------------------------------------------

    def hello(self, asked: Asked) -> Answer:
        """Who and how this host is."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        told = state.read(self._root)
        told.pop("line", None)  # of this host alone
        return {
            "host": socket.gethostname(),
            "python": platform.python_version(),
            "free_bytes": shutil.disk_usage(str(self._root)).free,
            "now": time.time(),
            "boot_id": _boot_id(),
            "place": _place(self._root),
            "state": told,
            "releases": sorted(
                one.name[: -len(".digest")] for one in (self._root / "releases").glob("*.digest")
            ),
        }

    def processes(self, asked: Asked) -> Answer:
        """What the keeper sees, and whether it is there to see it."""
        seen = keeper.read_seen(self._root)
        told = seen["keeper"]
        lives = bool(told) and processes.is_alive(int(told["pid"]), str(told["started"]))
        if not lives:
            for one in seen["processes"].values():
                if one["state"] == "running" and not processes.is_alive(one["pid"], one["started"]):
                    one["state"] = "stopped"
        return {"processes": seen["processes"], "is_kept": lives, "keeper": told}

    def tail(self, asked: Asked) -> Answer:
        """The last lines of every process of the slot."""
        lines: list[str] = []
        folder, most = self._root / "run" / _plain(asked["slot"]), int(asked["lines"])
        for log in sorted(folder.glob("*.log")):
            with log.open("rb") as file:
                begins = max(0, file.seek(0, os.SEEK_END) - 65536)
                file.seek(begins)
                text = file.read(65536).decode("utf-8", "replace")
            # Half a line might hold half a secret, which nobody would know for one.
            lines += (text.partition("\n")[2] if begins else text).splitlines()[-most:]
        return {"text": "\n".join(lines)}

    # -- changing --------------------------------------------------------------------------------------------

    def fence(self, asked: Asked) -> Answer:
        """From here on nothing with a lower token has an effect."""
        with state.changing(self._root, int(asked["token"]), self._line) as told:
            by, at = str(asked.get("by") or ""), float(asked.get("at") or 0)
            state.fence(told, int(asked["token"]), by, at, self._line)
            return {"epoch": told["epoch"]}

    def stage(self, asked: Asked) -> Answer:
        """Lays a release out, from the stream, which is read to its end whatever comes of it."""
        self._stream.begin()
        try:
            return self._stage(asked)
        finally:
            self._stream.drop()

    def _stage(self, asked: Asked) -> Answer:
        release_id = _plain(asked["release"])
        told = state.read(self._root)
        state.check(told, int(asked["token"]), self._line)
        place = self._root / "releases" / release_id
        used = [
            slot
            for slot, there in told["slots"].items()
            if there["release"] == release_id and there["processes"]
        ]
        if used and not tree.is_whole(place, str(asked["digest"])):
            raise Refusal(
                "used",
                f"{release_id} runs in {used[0]} with another tree than the one that was sent",
                "stop it there first: mobius status",
            )
        return {"sent": tree.receive(self._stream, self._root / "releases", release_id, str(asked["digest"]))}

    def start(self, asked: Asked) -> Answer:
        """Processes of a release run in a slot; returns when all were seen to run, not when they are healthy."""
        slot, release_id = _plain(asked["slot"]), _plain(asked["release"])
        cwd = self._root / "releases" / release_id
        if not cwd.is_dir():
            raise Refusal("missing", f"{release_id} is not on this host", "it is sent with a deployment")
        for one in asked["processes"]:
            env = processes.environment(self._root, slot, release_id, one)
            processes.command(cwd, env, one)
        with state.changing(self._root, int(asked["token"]), self._line) as told:
            there = told["slots"].get(slot)
            if there is not None and there["release"] != release_id and there["processes"]:
                raise Refusal(
                    "taken",
                    "slot {} still runs {} here".format(slot, there["release"]),
                    "see what is live: mobius status",
                )
            self._refuse_two(told, slot, asked["processes"])
            if there is None or there["release"] != release_id:
                there = told["slots"][slot] = {"release": release_id, "processes": {}}
            for one in asked["processes"]:
                known = there["processes"].get(one["name"])
                if known is None or dict(known, generation=0) != dict(one, generation=0):
                    there["processes"][one["name"]] = dict(one, generation=_next(told))
            wanted = {
                "{}/{}".format(slot, one["name"]): there["processes"][one["name"]]
                for one in asked["processes"]
            }
        self._wait_started(wanted)
        return {"started": sorted(wanted)}

    def stop(self, asked: Asked) -> Answer:
        """The slot's processes of these kinds are gone when this returns."""
        slot, kinds = _plain(asked["slot"]), asked.get("kinds") or []
        with state.changing(self._root, int(asked["token"]), self._line) as told:
            there = told["slots"].get(slot)
            gone = {} if there is None else {
                name: one for name, one in there["processes"].items() if not kinds or one["kind"] in kinds
            }  # fmt: skip
            for name in gone:
                del there["processes"][name]
            if there is not None and not there["processes"]:
                del told["slots"][slot]
        longest_s = max([float(one["stop_timeout_s"]) for one in gone.values()] or [0.0])
        self._wait_gone([f"{slot}/{name}" for name in gone], longest_s + STOP_SPARE_S)
        return {"stopped": sorted(gone)}

    def restart(self, asked: Asked) -> Answer:
        """One process of the slot is stopped and started again."""
        slot, name = _plain(asked["slot"]), str(asked["name"])
        with state.changing(self._root, int(asked["token"]), self._line) as told:
            one = told["slots"].get(slot, {}).get("processes", {}).get(name)
            if one is None:
                raise Refusal("missing", f"there is no {name} in {slot}", "mobius status")
            one["generation"] = _next(told)
        self._wait_started({f"{slot}/{name}": one})
        return {}

    def point(self, asked: Asked) -> Answer:
        """Which releases are live and previous: the links `current` and `previous`, and what the state says."""
        with state.changing(self._root, int(asked["token"]), self._line) as told:
            told["live"], told["previous"] = str(asked["live"]), str(asked["previous"])
        for link, release_id in (("current", told["live"]), ("previous", told["previous"])):
            _point(self._root / link, release_id)
        return {}

    def remove(self, asked: Asked) -> Answer:
        """Takes a release away that nothing runs from."""
        release_id = _plain(asked["release"])
        told = state.read(self._root)
        state.check(told, int(asked["token"]), self._line)
        if any(there["release"] == release_id for there in told["slots"].values()):
            raise Refusal("used", f"{release_id} runs on this host", "stop it first")
        tree.remove(self._root / "releases" / release_id)
        return {}

    # -- waiting for the keeper ------------------------------------------------------------------------------

    def _refuse_two(self, told: dict[str, Any], slot: str, wanted: list[dict[str, Any]]) -> None:
        """Workers and singletons never run in two slots, also not while one of them is just being stopped."""
        seen = keeper.read_seen(self._root)["processes"]
        for one in wanted:
            if one["kind"] == "web":
                continue
            others = [
                other
                for other, there in told["slots"].items()
                if other != slot and one["name"] in there["processes"]
            ]
            others += [
                key.partition("/")[0]
                for key, had in seen.items()
                if key.partition("/")[2] == one["name"]
                and key.partition("/")[0] != slot
                and not processes.is_gone(had["pid"], had["started"])
            ]
            if others:
                raise Refusal(
                    "two",
                    "{} is a {} and still runs in {} here".format(one["name"], one["kind"], others[0]),
                    "stop it first",
                )

    def _wait_started(self, wanted: dict[str, dict[str, Any]]) -> None:
        until = (
            time.monotonic() + START_WITHIN_S + max(float(one["stop_timeout_s"]) for one in wanted.values())
        )
        while True:
            seen = keeper.read_seen(self._root)["processes"]
            ours = {
                key: one
                for key, one in seen.items()
                if one["generation"] == wanted.get(key, {}).get("generation")
            }
            for key, one in ours.items():
                if one["state"] == "failed":
                    raise Refusal(
                        "failed", "{} cannot be started: {}".format(key, one.get("why")), "mend that"
                    )
            left = [key for key in wanted if ours.get(key, {}).get("state") != "running"]
            if not left:
                return
            died = ours.get(left[0], {}).get("state") == "backoff"
            self._go_on(
                until, f"{left[0]} " + ("ends as soon as it is started" if died else "was not started")
            )

    def _wait_gone(self, keys: list[str], within_s: float) -> None:
        until = time.monotonic() + within_s
        while True:
            seen = keeper.read_seen(self._root)["processes"]
            left = [key for key in keys if key in seen]
            if not left:
                return
            self._go_on(until, f"{left[0]} did not stop")

    def _go_on(self, until: float, otherwise: str) -> None:
        if time.monotonic() > until:
            raise Refusal("late", otherwise, f"look at this host: {keeper.seen_path(self._root)}")
        time.sleep(POLL_S)


def _next(told: dict[str, Any]) -> int:
    told["generation"] = int(told.get("generation", 0)) + 1
    return int(told["generation"])


def _plain(name: Any) -> str:
    """A name that is one part of a path and no more."""
    text = str(name)
    if not text or text.startswith(".") or "/" in text or "\0" in text:
        raise Refusal("name", f"{text!r} is no name of a slot or release", "use the same mobius at both ends")
    return text


def _point(link: Path, release_id: str) -> None:
    if not release_id:
        if link.is_symlink():
            link.unlink()
        return
    new = link.with_name("." + link.name + ".new")
    if new.is_symlink():
        new.unlink()
    os.symlink(os.path.join("releases", release_id), str(new))
    os.replace(str(new), str(link))


def _place(root: Path) -> str:
    """The same for whoever arrives at this very folder of this machine, by whichever name."""
    found = root.stat()
    return f"{_boot_id()} {found.st_dev} {found.st_ino}"


def _boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return sys.platform
