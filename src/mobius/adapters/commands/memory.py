"""The service's own commands in memory, for tests: a service that somebody else deploys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mobius.errors import MobiusError
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import CommandLost, CommandSeen


@dataclass
class MemoryCommands:
    """`tag` is what runs, "" when it is stopped; `breaks` the names of commands that fail, `half_done` of those that
    fail after they have changed it, `loses` of those that are interrupted."""

    tag: str = ""
    tells_version: bool = True
    breaks: set[str] = field(default_factory=set)
    half_done: set[str] = field(default_factory=set)
    loses: set[str] = field(default_factory=set)
    ran: list[tuple[str, str, str]] = field(default_factory=list)  # (name, MOBIUS_TAG, MOBIUS_PREVIOUS_TAG)
    ended: list[str] = field(default_factory=list)  # prefixes of what was asked to end
    blind: str = ""  # why the version cannot be asked
    _known: dict[str, CommandSeen] = field(default_factory=dict)
    _stopped: str = ""

    def run(
        self,
        name: str,
        argv: Sequence[str],
        *,
        key: str,
        told: Mapping[str, str],
        progress: Callable[[str], None],
    ) -> Mapping[str, Any]:
        """What it does to `tag`. Raises `MobiusError` as the port says."""
        if self.look(key).state != "ended":
            self._run(name, key, told)
        seen = self._known[key]
        if seen.state == "lost":
            raise CommandLost(f"the {name} command was interrupted, and nobody saw how it ended", "look")
        if seen.failed:
            raise MobiusError(
                f"the {name} command ({argv[0]}) failed: {seen.failed}", "look", details=("sorry",)
            )
        progress(f"{name} done")
        return {"waited_s": 0.0}

    def look(self, key: str) -> CommandSeen:
        """How it stands."""
        return self._known.get(key, CommandSeen("absent"))

    def end(self, prefix: str) -> None:
        """Nothing runs longer than its call."""
        self.ended.append(prefix)

    def version(self) -> str:
        """What runs. Raises `MobiusError` while nobody can ask."""
        if self.blind:
            raise MobiusError(f"what is live cannot be asked: {self.blind}", "mend [command] version")
        return self.tag if self.tells_version else ""

    def tail(self, lines: int = 20) -> str:
        """The last command."""
        return f"{self.ran[-1][0]} said this" if self.ran else ""

    def preflight(self) -> tuple[CheckResult, ...]:
        """They are there."""
        return (CheckResult("deploy command", Outcome.PASS, "deploy is there", 0.0),)

    def _run(self, name: str, key: str, told: Mapping[str, str]) -> None:
        self.ran.append((name, told.get("MOBIUS_TAG", ""), told.get("MOBIUS_PREVIOUS_TAG", "")))
        if name not in self.breaks:
            if name == "stop":
                self.tag, self._stopped = "", self.tag
            elif name == "start":
                self.tag = self.tag or self._stopped
            else:
                self.tag = told.get("MOBIUS_TAG", "")
        failed = "exit code 3" if name in self.breaks or name in self.half_done else ""
        self._known[key] = CommandSeen("lost" if name in self.loses else "ended", failed)
