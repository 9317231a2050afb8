"""A target in memory, for tests: slots with processes that run because it says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mobius.adapters.targets.one_host import OneHost
from mobius.errors import MobiusError
from mobius.model.settings import ProcessSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import ProcessStatus


class MemoryTarget(OneHost):
    """`most_alive` has, for each worker and singleton, how many of it ever ran at one moment."""

    def __init__(self) -> None:
        self.missing_commands: set[str] = set()
        self.dying_releases: set[str] = set()  # their web processes never stay up
        self.unseen = ""  # why nobody can look, while nobody can
        self.most_alive: dict[str, int] = {}
        self._there: dict[tuple[str, str], ProcessStatus] = {}
        self._pid = 100

    def prepare(self) -> None:
        """Nothing to start."""

    def preflight(self) -> tuple[CheckResult, ...]:
        """It can always take a deployment."""
        return (CheckResult("target", Outcome.PASS, "there is room in memory", 0.0),)

    def start(self, slot: str, release_id: str, cwd: Path, processes: Sequence[ProcessSettings]) -> None:
        """These processes of the release run in the slot. Raises `MobiusError` as the port says."""
        for process in processes:
            self._refuse(slot, process)
        for process in processes:
            known = self._there.get((slot, process.name))
            if known is None or known.release_id != release_id:
                self._run(slot, release_id, process)

    def stop(self, slot: str, kinds: Sequence[str] = ()) -> None:
        """The slot's processes of these kinds are gone."""
        for key, process in list(self._there.items()):
            if process.slot == slot and (not kinds or process.kind in kinds):
                del self._there[key]

    def restart(self, slot: str, name: str) -> None:
        """The same process with another pid. Raises `MobiusError` when there is none."""
        known = self._there.get((slot, name))
        if known is None:
            raise MobiusError(f"there is no {name} in {slot}", "mobius status")
        self._pid += 1
        self._there[slot, name] = replace(known, pid=self._pid)

    def processes(self) -> tuple[ProcessStatus, ...]:
        """What runs. Raises `MobiusError` while nobody can look."""
        if self.unseen:
            raise MobiusError(self.unseen, "mobius host status")
        return tuple(
            replace(process, state="failed", restarts=3)
            if process.kind == "web" and process.release_id in self.dying_releases
            else process
            for process in self._there.values()
        )

    def slot_url(self, slot: str) -> str:
        """`memory://SLOT` while its web process is up."""
        up = any(p.slot == slot and p.kind == "web" and p.state == "running" for p in self.processes())
        return f"memory://{slot}" if up else ""

    def log_tail(self, slot: str, lines: int = 20) -> str:
        """One line a process."""
        return "\n".join(f"{p.name} of {p.release_id}" for p in self._there.values() if p.slot == slot)

    def _refuse(self, slot: str, process: ProcessSettings) -> None:
        if process.start[0] in self.missing_commands:
            raise MobiusError(f"{process.name} cannot be started: no command {process.start[0]}", "build it")
        elsewhere = [p for p in self._there.values() if p.name == process.name and p.slot != slot]
        if process.kind != "web" and elsewhere:
            raise MobiusError(
                f"{process.name} still runs in {elsewhere[0].slot}: two releases of a {process.kind} never run",
                f"stop {elsewhere[0].slot} first",
            )

    def _run(self, slot: str, release_id: str, process: ProcessSettings) -> None:
        self._pid += 1
        url = f"memory://{slot}" if process.kind == "web" else ""
        self._there[slot, process.name] = ProcessStatus(
            process.name, process.kind, slot, release_id, "running", self._pid, url=url
        )
        if process.kind != "web":
            alive = sum(other.name == process.name for other in self._there.values())
            self.most_alive[process.name] = max(alive, self.most_alive.get(process.name, 0))
