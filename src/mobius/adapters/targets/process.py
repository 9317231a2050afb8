"""The process target: releases run as processes of a supervisor of ours, which outlives every command."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from mobius.adapters.places import Places
from mobius.adapters.targets.environment_file import read_environment_file
from mobius.errors import MobiusError
from mobius.host.children import MARK_ROOT
from mobius.host.client import HostClient, HostUnavailable, ensure_running
from mobius.host.messages import Limits, ProcessSpec, Tls
from mobius.host.messages import ProcessStatus as HostProcess
from mobius.model.settings import EnvironmentSettings, ProcessSettings
from mobius.model.verdict import CheckResult, Outcome
from mobius.ports import ProcessStatus

TAIL_BYTES = 65_536  # of each log: enough for the last lines, little enough to show
FRONT_DOOR = "a front door of mobius"
LOOKING_S = 3.0  # a supervisor that hangs must not hang whoever only looks
LOOK_AT_HOST = "look at it: mobius host status; what it started goes on serving"


class ProcessTarget:
    """Slots of one environment under `mobius host`."""

    def __init__(self, settings: EnvironmentSettings, places: Places, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._places = places
        self._environ = environ
        self._host = HostClient(places.root, revives=True)

    def prepare(self) -> None:
        self._places.root.mkdir(parents=True, exist_ok=True)
        ensure_running(self._places.root)
        door = self._settings.door
        tls = None
        if door.tls_cert and door.tls_key:
            tls = Tls(str(door.tls_cert), str(door.tls_key))
        self._host.configure_door(
            self._settings.listen,
            tls=tls,
            limits=Limits(
                header_bytes=door.header_bytes,
                body_bytes=door.body_bytes,
                header_timeout_s=door.header_timeout_s,
                body_timeout_s=door.body_timeout_s,
                idle_timeout_s=door.idle_timeout_s,
                upstream_timeout_s=door.upstream_timeout_s,
            ),
            critical_routes=self._settings.critical_routes,
            trusted_proxies=door.trusted_proxies,
            expose_release=door.expose_release,
        )

    def preflight(self) -> tuple[CheckResult, ...]:
        return (self._port_is_ours_or_free(), *(self._command_is_there(p) for p in self._settings.processes))

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
        # Each has its share: a worker that talks much must not hide why the web process died.
        shares = [lines // len(logs) + (n < lines % len(logs)) for n in range(len(logs))]
        tails = [_last_lines(log) for log in logs]
        spare = lines - sum(min(len(tail), share) for tail, share in zip(tails, shares, strict=True))
        told = []
        for tail, share in zip(tails, shares, strict=True):
            more = min(spare, max(0, len(tail) - share))
            spare -= more
            told += tail[max(0, len(tail) - share - more) :]
        return "\n".join(told)

    def _surely_running(self) -> HostClient:
        """The supervisor, started again where it was killed since `prepare`."""
        return ensure_running(self._places.root)

    def _spec(self, process: ProcessSettings) -> ProcessSpec:
        env = {
            "MOBIUS_ENVIRONMENT": self._settings.name,
            "MOBIUS_SHARED": str(self._places.shared),
            "PYTHONUNBUFFERED": "1",
        }
        if process.env_file:
            env.update(read_environment_file(self._places.resolve(process.env_file)))
        env.update(process.env)
        env.update({name: self._environ[name] for name in process.pass_env if name in self._environ})
        return ProcessSpec(
            name=process.name,
            kind=process.kind,
            argv=process.start,
            env=env,
            stop_signal=process.stop_signal,
            stop_timeout_s=process.stop_timeout_s,
            listen=process.listen,
        )

    def _port_is_ours_or_free(self) -> CheckResult:
        name, listen = "port", self._settings.listen
        try:
            door = self._host.status().door
            if door is not None and door.listen == listen:
                return CheckResult(name, Outcome.PASS, f"{listen} is held by our own front door", 0.0)
        except HostUnavailable:
            pass
        taken = _who_listens(listen)
        if taken.startswith(FRONT_DOOR) and taken.endswith(f", in {self._places.root.resolve()})"):
            return CheckResult(name, Outcome.PASS, f"{listen} is held by our own front door", 0.0)
        if not taken:
            return CheckResult(name, Outcome.PASS, f"{listen} is free", 0.0)
        advice = f"stop it, or give {self._settings.name} another `listen` in mobius.toml"
        return CheckResult(name, Outcome.FAIL, f"{listen} is taken by {taken}", 0.0, advice)

    def _command_is_there(self, process: ProcessSettings) -> CheckResult:
        """A bare name must be on the PATH now; a path may be made by the build, and is checked after it."""
        name, program = f"start command of {process.name}", process.start[0]
        if "/" in program and not Path(program).is_absolute():
            return CheckResult(
                name, Outcome.PASS, f"{program} is looked for in the release once it is built", 0.0
            )
        if shutil.which(program):
            return CheckResult(name, Outcome.PASS, f"{program} is there", 0.0)
        advice = f"install {program}, or correct [[process]] start in mobius.toml"
        return CheckResult(name, Outcome.FAIL, f"{program} is not there", 0.0, advice)


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


def _last_lines(log: Path) -> list[str]:
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
        return file.read(TAIL_BYTES).decode(errors="replace").splitlines()


def _url(process: HostProcess) -> str:
    return f"http://127.0.0.1:{process.port}" if process.port else ""


def _who_listens(listen: str) -> str:
    """Who holds the address, in words; "" when nobody does."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as problem:
            return _holder_of(int(port)) or f"another process ({problem.strerror})"
    return ""


def _holder_of(port: int) -> str:
    import psutil

    told = ""
    try:
        for connection in psutil.net_connections("tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr
                and connection.laddr.port == port
                and connection.pid
            ):
                process = psutil.Process(connection.pid)
                # The supervisor holds the socket of its door too; the door is the one that people know.
                if root := process.environ().get(MARK_ROOT, ""):
                    return f"{FRONT_DOOR} (pid {process.pid}, in {root})"
                told = told or f"{process.name()} (pid {process.pid}, in {process.cwd()})"
    except (psutil.Error, OSError):
        pass
    return told
