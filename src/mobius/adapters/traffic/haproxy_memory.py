"""An HAProxy in memory, for tests and simulations: what its runtime API answers about the servers of one backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobius.adapters.traffic.haproxy_commands import MOST_WEIGHT
from mobius.adapters.traffic.haproxy_reading import BACKEND

STATE_COLUMNS = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state "
    "srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port "
    "srv_check_addr srv_agent_addr srv_agent_port"
)
STATE_REST = "1 0 1 0 0 0 0 0 0 - 80 - 0 0 - - 0"
STAT_COLUMNS = (
    "pxname", "svname", "qcur", "scur", "econ", "eresp", "hrsp_5xx", "req_tot", "srv_abrt", "bck", "mode", "algo",
)  # fmt: skip
MAINTENANCE, DRAINING = 0x01, 0x08
STOPPED, RUNNING = 0, 2
STATES = {"ready": 0, "maint": MAINTENANCE, "drain": DRAINING}
Words = tuple[str, ...]


@dataclass
class MemoryServer:
    """One server: how it stands, and what it counted. `is_down`: its checks say so."""

    admin: int = MAINTENANCE
    is_down: bool = False
    weight: int = 100  # as our snippet has it
    requests: int = 0
    failed_5xx: int = 0
    unconnected: int = 0
    in_flight: int = 0

    @property
    def share(self) -> int:
        """Its part of new requests; 0 when it gets none."""
        return self.weight if self.admin == 0 and not self.is_down else 0

    @property
    def op(self) -> int:
        """Whether it is in operation."""
        return STOPPED if self.is_down or self.admin & MAINTENANCE else RUNNING


class MemoryHaproxy:
    """One backend with these servers, all in maintenance, as after its first start. `told` is called with the commands
    of every exchange, and may raise `MobiusError`, as a socket that is not there would."""

    def __init__(
        self, backend: str, servers: Sequence[str], told: Callable[[Sequence[Words]], None] = lambda _: None
    ) -> None:
        self.path = Path("/memory/haproxy.sock")
        self.backend = backend
        self.servers = {name: MemoryServer() for name in servers}
        self.process = 1  # another one after a restart
        self._told = told

    def ask(self, *commands: Words) -> tuple[str, ...]:
        """The answer to each command, in order."""
        self._told(commands)
        return tuple(self._answer(command) for command in commands)

    def _answer(self, words: Words) -> str:
        match words:
            case ("show", "cli", "level"):
                return "admin"
            case ("show", "info"):
                return f"Name: HAProxy\nPid: {self.process}\nStart_time_sec: {self.process}\n"
            case ("show", "servers", "state", self.backend):
                return self._state()
            case ("show", "stat", self.backend, *_):
                return self._statistics()
            case ("set", "server", named, *change):
                return self._set(named, tuple(change))
            case ("shutdown", "sessions", "server", named):
                backend, _, name = named.partition("/")
                if no := self._unknown(backend, name):
                    return no
                self.servers[name].in_flight = 0
                return ""
            case ("show", "servers", "state", _):
                return "Can't find backend."
            case _:
                return f"Unknown command: {' '.join(words)}"

    def _set(self, named: str, change: Words) -> str:
        backend, _, name = named.partition("/")
        if no := self._unknown(backend, name):
            return no
        match change:
            case ("state", state) if state in STATES:
                self.servers[name].admin = STATES[state]
            case ("state", _):
                return "'set server <srv> state' expects 'ready', 'drain' and 'maint'."
            case ("weight", weight) if not 0 <= int(weight) <= MOST_WEIGHT:
                return "Absolute weight can only be between 0 and 256 inclusive."
            case ("weight", weight):
                self.servers[name].weight = int(weight)
            case _:
                return f"not known in memory: {' '.join(change)}"
        return ""

    def _unknown(self, backend: str, name: str) -> str:
        if backend != self.backend:
            return "No such backend."
        return "" if name in self.servers else "No such server."

    def _state(self) -> str:
        lines = [
            f"3 {self.backend} {number} {name} 127.0.0.1 {one.op} {one.admin} {one.weight} {STATE_REST}"
            for number, (name, one) in enumerate(self.servers.items(), 1)
        ]
        return "\n".join(["1", f"# {STATE_COLUMNS}", *lines, ""])

    def _statistics(self) -> str:
        def line(name: str, one: MemoryServer) -> str:
            told = (
                self.backend, name, 0, one.in_flight, one.unconnected, 0, one.failed_5xx, one.requests, 0, 0,
                "http", "roundrobin" if name == BACKEND else "",
            )  # fmt: skip
            return ",".join(map(str, told)) + ","

        every = self.servers.values()
        whole = MemoryServer(
            requests=sum(one.requests for one in every),
            failed_5xx=sum(one.failed_5xx for one in every),
            unconnected=sum(one.unconnected for one in every),
        )
        rows = [line(name, one) for name, one in self.servers.items()]
        return "\n".join([f"# {','.join(STAT_COLUMNS)},", *rows, line(BACKEND, whole), ""])
