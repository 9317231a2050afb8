"""Slots: the processes of one release, each kept running, with its port, its socket and its log."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mobius.host.children import MARK_ROOT, MARK_SPAWN, Command, find_marked, signal_number
from mobius.host.kept import Kept, Life
from mobius.host.logs import set_aside
from mobius.host.messages import ProcessSpec, ProcessState, ProcessStatus, SlotStatus, build
from mobius.host.placed import Address, address_from
from mobius.host.protocol import HostRefused, place_socket, remove_socket, slots_have_sockets
from mobius.host.reach import make_slot_folder
from mobius.host.state import write_atomically
from mobius.model.numbers import whole

# Below the range from which the kernel takes ports for outgoing connections, so that none of those can take a
# process's port between two of its lives.
PORTS = range(20_000, 32_000)
SETTLED_S = 1.0  # a worker that lived this long counts as running


@dataclass(slots=True)
class Process:
    """One process of a slot: what to run, and its life."""

    spec: ProcessSpec
    port: int | None
    socket: str | None
    log: Path
    life: Life = field(default_factory=Life)
    kept: Kept | None = None
    accepts: bool = False  # a web process was seen to accept connections since its last start

    @property
    def is_alive(self) -> bool:
        return self.kept is not None and self.kept.is_running

    def status(self, now: float) -> ProcessStatus:
        life = self.life
        state: ProcessState = "stopped" if self.kept is None else self.kept.state
        if state == "starting":
            settled = now - (life.started_at or now) >= SETTLED_S
            is_ready = self.accepts if self.spec.kind == "web" else settled
            state = "running" if is_ready else "starting"
        return ProcessStatus(
            name=self.spec.name,
            kind=self.spec.kind,
            pid=life.pid,
            state=state,
            restarts=life.restarts,
            started_at=life.started_at,
            last_exit=life.last_exit,
            port=self.port,
            socket=self.socket,
            log=str(self.log),
            reason=life.reason,
        )


class Slot:
    """A slot of this root. `save` writes the supervisor's state, `moved` tells the door of a new address."""

    def __init__(
        self,
        root: Path,
        name: str,
        release: str,
        cwd: str,
        save: Callable[[], None],
        moved: Callable[[], None],
    ) -> None:
        self.root = root
        self.run = root / "run" / name
        self.name = name
        self.release = release
        self.cwd = cwd
        self.processes: dict[str, Process] = {}
        self.placed: Address | None = None  # where it is reached, when somebody else runs it
        self.lock = asyncio.Lock()
        self._save = save
        self._moved = moved

    def status(self, now: float) -> SlotStatus:
        processes = tuple(one.status(now) for one in self.processes.values())
        if self.placed is None:
            return SlotStatus(self.release, self.cwd, processes)
        return SlotStatus(
            self.release, self.cwd, processes, placed=True, port=self.placed.port, socket=self.placed.socket
        )

    def web(self) -> Process | None:
        """The process that answers for this slot: its first web process."""
        return next((one for one in self.processes.values() if one.spec.kind == "web"), None)

    def address(self) -> Address | None:
        """Where it is reached; None while it has no web process."""
        if self.placed is not None:
            return self.placed
        web = self.web()
        return None if web is None else Address(web.port, web.socket, web.spec.listen)

    def is_alive(self) -> bool:
        return any(one.is_alive or one.life.wanted for one in self.processes.values())

    def start(self, specs: list[ProcessSpec], used_ports: set[int]) -> list[str]:
        """Starts those of `specs` that do not run already, and names them. Raises HostRefused for one that
        cannot be started, after ending those that just were."""
        for spec in specs:
            refuse_missing_command(spec, self.cwd)
        started: list[str] = []
        with contextlib.suppress(OSError):  # said below, when its file cannot be written
            make_slot_folder(self.run)
        for spec in specs:
            before = self.processes.get(spec.name)
            if before is not None and before.life.wanted:
                continue
            if before is None:
                set_aside(self.run / f"{spec.name}.log")  # what another release wrote is not this one's
            process = self._prepare(spec, before, used_ports)
            self.processes[spec.name] = process
            assert process.kept is not None
            try:
                self._write_env()
                process.kept.start()
            except HostRefused:
                self._take_back([*started, spec.name])
                raise
            except OSError as error:
                self._take_back([*started, spec.name])
                raise HostRefused(
                    f"{spec.name} cannot be started: {spec.argv[0]}: {error.strerror or error}",
                    "check the start command, its first line if it is a script, and the working directory",
                ) from error
            started.append(spec.name)
        return started

    async def stop(self, names: Iterable[str], timeout_s: float | None) -> tuple[list[str], list[str]]:
        """Stops these processes side by side; names those stopped and those of them that had to be killed."""
        chosen = [self.processes[name] for name in names]
        alive = [one for one in chosen if one.is_alive]

        async def stop_one(process: Process) -> bool:
            assert process.kept is not None
            spec = process.spec
            within_s = spec.stop_timeout_s if timeout_s is None else timeout_s
            return await process.kept.stop(signal_number(spec.stop_signal), within_s)

        for one in chosen:
            if not one.is_alive and one.kept is not None:
                await stop_one(one)  # one that waits for its next start must not start any more
        killed = await asyncio.gather(*(stop_one(one) for one in alive))
        return (
            [one.spec.name for one in alive],
            [one.spec.name for one, was in zip(alive, killed, strict=True) if was],
        )

    def remove_sockets(self) -> None:
        """Takes away the sockets of processes that do not run any more."""
        for one in self.processes.values():
            if one.socket is not None and not one.is_alive:
                remove_socket(self.run, f"{one.spec.name}.sock")

    # -- what the next supervisor must know ------------------------------------------------------------------

    def as_json(self) -> dict[str, Any]:
        processes = []
        for one in self.processes.values():
            spec = {**asdict(replace(one.spec, env={})), "env": {}}  # values lie in env.json alone
            processes.append(
                {"spec": spec, "port": one.port, "socket": one.socket, "life": one.life.as_json()}
            )
        placed = None if self.placed is None else self.placed.as_json()
        return {"release": self.release, "cwd": self.cwd, "processes": processes, "placed": placed}

    def restore(self, saved: list[dict[str, Any]], placed: Any = None) -> None:
        """Takes the processes from the state, and their environment from its own file."""
        self.placed = address_from(placed)
        values = read_values(self.run / "env.json")
        for one in saved:
            spec = build(ProcessSpec, {**one["spec"], "env": values.get(one["spec"]["name"], {})})
            process = Process(spec, one["port"], one["socket"], self.run / f"{spec.name}.log")
            process.life = build(Life, one["life"])
            process.kept = Kept(process.life, lambda process=process: self._command(process), self._save)  # type: ignore[misc]
            self.processes[spec.name] = process

    def adopt(self) -> None:
        """Finds the processes again that still run, and starts those that should and do not."""
        for process in self.processes.values():
            assert process.kept is not None
            if process.kept.adopt() and not process.life.wanted:
                number = signal_number(process.spec.stop_signal)
                stop = process.kept.stop(number, process.spec.stop_timeout_s)
                self._finish = asyncio.get_running_loop().create_task(stop)

    # -- starting --------------------------------------------------------------------------------------------

    def _prepare(self, spec: ProcessSpec, before: Process | None, used_ports: set[int]) -> Process:
        port = before.port if before is not None else None
        path: str | None = None
        if spec.kind == "web":
            port = port or free_port(used_ports)
            used_ports.add(port)
            path = self._socket_of(spec)
        process = Process(spec, port, path, self.run / f"{spec.name}.log")
        if before is not None:
            process.life = before.life
        process.life.restarts = 0
        process.kept = Kept(process.life, lambda: self._command(process), self._save)
        return process

    def _socket_of(self, spec: ProcessSpec) -> str | None:
        """None where there are none: its port is all it has. Raises HostRefused where it would listen on no port."""
        if slots_have_sockets():
            return str(place_socket(self.run, f"{spec.name}.sock"))
        if spec.listen == "socket":
            raise HostRefused(
                f'{spec.name} listens on a Unix socket (listen = "socket"), and slots have none here',
                'let it listen on PORT, and set listen = "port"',
            )
        return None

    def _command(self, process: Process) -> Command:
        """What to start, now: also where it may listen this time."""
        process.accepts = False
        spec = process.spec
        env = {**inherited_environment(), **spec.env}
        if process.port is not None:
            if not port_is_free(process.port):
                process.port = free_port(
                    {one.port for one in self.processes.values() if one.port is not None}
                )
                self._moved()
            env["PORT"] = str(process.port)
        if process.socket is not None:
            placed = str(
                place_socket(self.run, f"{spec.name}.sock")
            )  # a reboot may have emptied its directory
            if placed != process.socket:
                process.socket = placed
                self._moved()
            Path(placed).unlink(missing_ok=True)
            env["MOBIUS_SOCKET"] = process.socket
        env |= {
            MARK_ROOT: str(self.root),
            "MOBIUS_SLOT": self.name,
            "MOBIUS_RELEASE": self.release,
            "MOBIUS_PROCESS": spec.name,
            "MOBIUS_KIND": spec.kind,
        }
        return Command(spec.argv, self.cwd, env, process.log)

    def _take_back(self, names: list[str]) -> None:
        for name in names:
            process = self.processes.pop(name)
            if process.kept is not None and process.life.pid is not None:
                process.kept.life.wanted = False
                process.kept.kill_now()
        self._save()

    def _write_env(self) -> None:
        values = {name: dict(one.spec.env) for name, one in self.processes.items()}
        try:
            write_atomically(self.run / "env.json", values)
        except OSError as error:
            raise HostRefused(
                f"slot {self.name} cannot be started: {self.run / 'env.json'}: {error.strerror}",
                "make room on that disk, and check who may write there",
            ) from error


def refuse_missing_command(spec: ProcessSpec, cwd: str) -> None:
    """Raises HostRefused when this command is not there to be executed, or asks for what does not exist."""
    if not spec.argv:
        raise HostRefused(f"{spec.name} has no start command", "give the process a `start`")
    if not Path(cwd).is_dir():
        raise HostRefused(f"{spec.name} cannot be started: its directory {cwd} is not there")
    try:
        signal_number(spec.stop_signal)
    except ValueError as error:
        raise HostRefused(f"{spec.name} cannot be stopped: {error}", "use TERM, INT, QUIT or HUP") from error
    name = spec.argv[0]
    search = spec.env.get("PATH", os.environ.get("PATH", os.defpath))
    found = shutil.which(str(Path(cwd, name)) if "/" in name else name, path=search)
    if found is None:
        raise HostRefused(
            f"{spec.name} cannot be started: {name} was not found or is not executable",
            f"looked in {cwd} and on the PATH; check the start command",
        )


def find_lost(root: Path) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Processes of this root that run without being in any state: slot, release, directory, saved process."""
    lost = []
    for found in find_marked(MARK_ROOT, str(root)):
        env = found.environ()
        if not {"MOBIUS_SLOT", "MOBIUS_RELEASE", "MOBIUS_PROCESS", MARK_SPAWN} <= env.keys():
            continue
        spec = {"name": env["MOBIUS_PROCESS"], "kind": env.get("MOBIUS_KIND", "web"), "argv": found.cmdline()}
        life = Life(wanted=True, token=env[MARK_SPAWN], started_at=found.create_time())
        port = whole(env.get("PORT", "")) if env.get("MOBIUS_KIND") == "web" else None
        saved = {"spec": spec, "port": port, "socket": env.get("MOBIUS_SOCKET"), "life": life.as_json()}
        lost.append((env["MOBIUS_SLOT"], env["MOBIUS_RELEASE"], found.cwd(), saved))
    return lost


def inherited_environment() -> dict[str, str]:
    """The supervisor's own environment, without what is ours to set."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MOBIUS_")}


def read_values(path: Path) -> Mapping[str, Mapping[str, str]]:
    """The environment values of a slot or job; none when the file is not there or damaged."""
    try:
        values = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def free_port(used: set[int]) -> int:
    """A loopback port nobody listens on and none of our processes has."""
    for _ in range(1000):
        port = random.choice(PORTS)
        if port not in used and port_is_free(port):
            return port
    raise HostRefused("no free port was found on 127.0.0.1", f"looked between {PORTS[0]} and {PORTS[-1]}")


def port_is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            line.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
