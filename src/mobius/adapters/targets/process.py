"""The process target: releases run as processes of a supervisor of ours, which outlives every command."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from mobius.adapters.ends import end_of
from mobius.adapters.places import Places
from mobius.adapters.targets.environment_file import environment_of
from mobius.adapters.targets.front_door import (
    command_is_there,
    open_door,
    port_is_ours_or_free,
    shared_out,
)
from mobius.adapters.targets.one_host import OneHost
from mobius.adapters.targets.reached import reached_at
from mobius.errors import MobiusError
from mobius.host.client import HostClient, HostUnavailable, ensure_running
from mobius.host.messages import ProcessSpec
from mobius.host.messages import ProcessStatus as HostProcess
from mobius.host.protocol import ELSEWHERE, why_no_supervisor
from mobius.model.settings import EnvironmentSettings, ProcessSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import ProcessStatus

TAIL_BYTES = 65_536  # of each log: enough for the last lines, little enough to show
LOOKING_S = 3.0  # a supervisor that hangs must not hang whoever only looks
LOOK_AT_HOST = "look at it: mobius host status; what it started goes on serving"


class ProcessTarget(OneHost):
    """Slots of one environment under `mobius host`."""

    def __init__(self, settings: EnvironmentSettings, places: Places, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._places = places
        self._environ = environ
        self._host = HostClient(places.root, revives=True)

    def prepare(self) -> None:
        self._places.root.mkdir(parents=True, exist_ok=True)
        ensure_running(self._places.root)
        open_door(self._settings, self._host)

    def preflight(self) -> tuple[CheckResult, ...]:
        if why_not := why_no_supervisor():
            return (CheckResult("system", Outcome.FAIL, why_not, 0.0, ELSEWHERE),)
        return (
            port_is_ours_or_free(self._settings, self._places.root, self._host),
            *(command_is_there(process) for process in self._settings.processes),
        )

    def start(self, slot: str, release_id: str, cwd: Path, processes: Sequence[ProcessSettings]) -> None:
        specs = [self._spec(process) for process in processes]
        self._host.start_slot(slot, release_id, cwd, specs)

    def stop(self, slot: str, kinds: Sequence[str] = ()) -> None:
        there = self._surely_running().status().slots.get(slot)
        if there is None:
            return
        names = [process.name for process in there.processes if not kinds or process.kind in kinds]
        if names:
            self._host.stop_slot(slot, names)

    def restart(self, slot: str, name: str) -> None:
        self._surely_running().restart_process(slot, name)

    def processes(self) -> tuple[ProcessStatus, ...]:
        """None while there is no supervisor to ask: whoever only looks starts none."""
        try:
            slots = HostClient(self._places.root, timeout_s=LOOKING_S).status().slots
        except HostUnavailable as problem:
            if host_lives(self._places.root):
                raise MobiusError("the supervisor is there, but does not answer", LOOK_AT_HOST) from problem
            return ()
        return tuple(
            ProcessStatus(
                name=process.name,
                kind=process.kind,
                slot=slot,
                release_id=status.release,
                state=process.state,
                pid=process.pid or 0,
                restarts=process.restarts,
                url=_url(process),
            )
            for slot, status in slots.items()
            for process in status.processes
        )

    def slot_url(self, slot: str) -> str:
        self._surely_running()
        web = [
            p
            for p in self.processes()
            if p.slot == slot and p.kind == "web" and p.state in ("running", "starting")
        ]
        return web[0].url if web else ""

    def log_tail(self, slot: str, lines: int = 20) -> str:
        there = self._surely_running().status().slots.get(slot)
        if there is None:
            return ""
        logs = [log for log in (Path(process.log) for process in there.processes) if log.is_file()]
        return "\n".join(shared_out([end_of(log, TAIL_BYTES).splitlines() for log in logs], lines))

    def _surely_running(self) -> HostClient:
        """The supervisor, started again where it was killed since `prepare`."""
        return ensure_running(self._places.root)

    def _spec(self, process: ProcessSettings) -> ProcessSpec:
        return ProcessSpec(
            name=process.name,
            kind=process.kind,
            argv=process.start,
            env=environment_of(process, self._settings.name, self._places, self._environ),
            stop_signal=process.stop_signal,
            stop_timeout_s=process.stop_timeout_s,
            listen=process.listen,
        )


def host_lives(root: Path, patience_s: float = 1.0) -> bool:
    """Whether the supervisor that wrote the lock is there, answering or not; one that is just leaving is not."""
    import psutil

    until = time.monotonic() + patience_s
    while True:
        try:
            pid = int((root / "run" / "host.lock").read_text().split()[0])
            lives = "mobius.host" in psutil.Process(pid).cmdline()
        except (OSError, ValueError, IndexError, psutil.Error):
            return False
        if not lives or time.monotonic() > until:
            return lives
        time.sleep(0.1)


def _url(process: HostProcess) -> str:
    return reached_at(process.port, process.socket)
