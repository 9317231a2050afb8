"""A host of a fleet in memory, for tests and simulations: what the agent answers, with nothing that really runs."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mobius.adapters.fleet.agent import state
from mobius.adapters.fleet.agent.refusal import Refusal
from mobius.adapters.fleet.line import judged

FREE_BYTES = 100 << 30
Asked = Mapping[str, Any]
Answer = dict[str, Any]


class MemoryHost:
    """What one host keeps: what it was told, its releases by their digests, and the processes it sees."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.now = 0.0  # by its own clock; 0.0: it does not say
        self.told: state.State = state.fresh()
        self.releases: dict[str, str] = {}
        self.seen: dict[str, dict[str, Any]] = {}
        self.missing_commands: set[str] = set()
        self._pid = 100
        self._verbs: dict[str, Callable[[Asked], Answer]] = {
            "hello": self._hello, "fence": self._fence, "stage": self._stage, "start": self._start,
            "stop": self._stop, "restart": self._restart, "processes": self._processes, "tail": self._tail,
            "point": self._point, "remove": self._remove,
        }  # fmt: skip

    def answer(self, asked: Asked) -> Answer:
        """As it comes over the line, a refusal too."""
        verb = self._verbs.get(str(asked.get("verb")))
        try:
            if verb is None:
                raise Refusal(
                    "unknown",
                    f"this host knows no {asked.get('verb')!r}",
                    "use the same mobius at both ends",
                )
            return {**verb(asked), "ok": True}
        except Refusal as problem:
            return {"ok": False, "code": problem.code, "message": problem.message, "hint": problem.hint}

    def boot(self) -> None:
        """The machine was started anew: its keeper starts all that it was told, as other processes."""
        for one in self.seen.values():
            one["pid"] = self._next_pid()

    def _hello(self, asked: Asked) -> Answer:
        told = copy.deepcopy(self.told)
        return {
            "host": self.name, "python": "3.8.0", "free_bytes": FREE_BYTES, "now": self.now, "boot_id": self.name,
            "place": self.name,
            "state": told, "releases": sorted(self.releases),
        }  # fmt: skip

    def _processes(self, asked: Asked) -> Answer:
        return {"processes": copy.deepcopy(self.seen), "is_kept": True, "keeper": {}}

    def _tail(self, asked: Asked) -> Answer:
        return {"text": ""}

    def _fence(self, asked: Asked) -> Answer:
        state.check(self.told, int(asked["token"]), state.NO_LINE)
        state.fence(
            self.told,
            int(asked["token"]),
            str(asked.get("by") or ""),
            float(asked.get("at") or 0),
            state.NO_LINE,
        )
        return {"epoch": self.told["epoch"]}

    def _take(self, asked: Asked) -> None:
        """The token, under which all that follows is done. Raises `Refusal` for a lower one than was seen."""
        state.check(self.told, int(asked["token"]), state.NO_LINE)
        self.told["epoch"] = int(asked["token"])

    def _stage(self, asked: Asked) -> Answer:
        state.check(self.told, int(asked["token"]), state.NO_LINE)
        release_id, digest = str(asked["release"]), str(asked["digest"])
        if self.releases.get(release_id) == digest:
            return {"sent": False}
        used = [slot for slot, there in self.told["slots"].items() if there["release"] == release_id]
        if used:
            raise Refusal(
                "used",
                f"{release_id} runs in {used[0]} with another tree than the one that was sent",
                "stop it there first: mobius status",
            )
        self.releases[release_id] = digest
        return {"sent": True}

    def _start(self, asked: Asked) -> Answer:
        slot, release_id, slots = str(asked["slot"]), str(asked["release"]), self.told["slots"]
        if release_id not in self.releases:
            raise Refusal("missing", f"{release_id} is not on this host", "it is sent with a deployment")
        for one in asked["processes"]:
            if one["start"][0] in self.missing_commands:
                raise Refusal(
                    "command",
                    f"{one['name']} cannot be started: there is no command {one['start'][0]}",
                    "install it on this host",
                )
        state.check(self.told, int(asked["token"]), state.NO_LINE)
        if slot in slots and slots[slot]["release"] != release_id:
            raise Refusal(
                "taken",
                f"slot {slot} still runs {slots[slot]['release']} here",
                "see what is live: mobius status",
            )
        for one in asked["processes"]:
            self._refuse_two(slot, one)
        self._take(asked)
        there = slots.setdefault(slot, {"release": release_id, "processes": {}})["processes"]
        for one in asked["processes"]:
            known = there.get(one["name"])
            if known is None or {**known, "generation": 0} != {**one, "generation": 0}:
                there[one["name"]] = {**one, "generation": self._next_generation()}
                self._run(slot, release_id, there[one["name"]])
        return {"started": sorted(f"{slot}/{one['name']}" for one in asked["processes"])}

    def _refuse_two(self, slot: str, one: Mapping[str, Any]) -> None:
        others = [key.partition("/")[0] for key in self.seen if key.partition("/")[2] == one["name"]]
        if one["kind"] != "web" and set(others) - {slot}:
            other = next(other for other in others if other != slot)
            raise Refusal(
                "two",
                f"{one['name']} is a {one['kind']} and still runs in {other} here",
                "stop it first",
            )

    def _run(self, slot: str, release_id: str, one: Mapping[str, Any]) -> None:
        self.seen[f"{slot}/{one['name']}"] = {
            "pid": self._next_pid(), "generation": one["generation"], "restarts": 0, "state": "running",
            "release": release_id, "kind": one["kind"], "port": one["port"],
        }  # fmt: skip

    def _stop(self, asked: Asked) -> Answer:
        self._take(asked)
        slot, kinds = str(asked["slot"]), asked.get("kinds") or ()
        there = self.told["slots"].get(slot, {"processes": {}})["processes"]
        gone = sorted(name for name, one in there.items() if not kinds or one["kind"] in kinds)
        for name in gone:
            del there[name], self.seen[f"{slot}/{name}"]
        if not there:
            self.told["slots"].pop(slot, None)
        return {"stopped": gone}

    def _restart(self, asked: Asked) -> Answer:
        slot, name = str(asked["slot"]), str(asked["name"])
        one = self.told["slots"].get(slot, {"processes": {}})["processes"].get(name)
        state.check(self.told, int(asked["token"]), state.NO_LINE)
        if one is None:
            raise Refusal("missing", f"there is no {name} in {slot}", "mobius status")
        self._take(asked)
        one["generation"] = self._next_generation()
        self._run(slot, self.told["slots"][slot]["release"], one)
        return {}

    def _point(self, asked: Asked) -> Answer:
        self._take(asked)
        self.told["live"], self.told["previous"] = str(asked["live"]), str(asked["previous"])
        return {}

    def _remove(self, asked: Asked) -> Answer:
        state.check(self.told, int(asked["token"]), state.NO_LINE)
        release_id = str(asked["release"])
        if any(there["release"] == release_id for there in self.told["slots"].values()):
            raise Refusal("used", f"{release_id} runs on this host", "stop it first")
        self.releases.pop(release_id, None)
        return {}

    def _next_generation(self) -> int:
        self.told["generation"] = int(self.told.get("generation", 0)) + 1
        return int(self.told["generation"])

    def _next_pid(self) -> int:
        self._pid += 1
        return self._pid


class MemoryLine:
    """A line to a host in memory: never broken, and words go over it as JSON, as over a real one."""

    def __init__(self, host: MemoryHost) -> None:
        self.name = host.name
        self.host = host

    def ask(
        self,
        verb: str,
        *,
        within_s: float = 0.0,
        stream: Callable[[], Iterator[bytes]] | None = None,
        **asked: Any,
    ) -> Mapping[str, Any]:
        """The host's answer. Raises `Fenced` or `HostRefused` when it is no."""
        for _ in stream() if stream else ():
            pass
        return judged(self.name, self.host.answer(json.loads(json.dumps({"verb": verb, **asked}))))

    def close(self) -> None:
        """Nothing is open."""
