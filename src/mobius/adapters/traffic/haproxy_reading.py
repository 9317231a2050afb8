"""What HAProxy says of its servers: `show servers state` is where traffic goes, `show stat` what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mobius.errors import MobiusError

# Bits of srv_admin_state: forced on the socket, inherited from a tracked server, unresolved name. The bit that
# says "disabled in the configuration" stays after the server was made ready, and says nothing of now.
IN_MAINTENANCE = 0x01 | 0x02 | 0x20 | 0x40
IN_DRAIN = 0x08 | 0x10
BACKEND = "BACKEND"
COUNTED = ("req_tot", "hrsp_5xx", "econ", "eresp", "srv_abrt")
READ = ("pxname", "svname", *COUNTED, "scur", "qcur", "mode", "algo", "bck")


@dataclass(frozen=True, slots=True)
class Server:
    """One server of the backend. `address` is "" for a Unix socket, whose path cannot be changed at run time."""

    name: str
    address: str
    port: int
    is_up: bool  # its checks, where there are any, say so
    is_ready: bool  # neither in maintenance nor draining
    weight: int

    @property
    def share(self) -> int:
        """Its part of new requests; 0 when it gets none."""
        return self.weight if self.is_ready else 0


@dataclass(frozen=True, slots=True)
class Count:
    """What HAProxy counted of one server (or of the whole backend) since it started.

    `answered` had the head of an answer, `failed_5xx` of those were 5xx. `unconnected` found nobody; `broken` got no
    answer, or a garbled one; `broken_off` of those had begun to be answered, so they are in `answered`, too.
    """

    answered: int = 0
    failed_5xx: int = 0
    unconnected: int = 0
    broken: int = 0
    broken_off: int = 0

    @property
    def requests(self) -> int:
        """Every request, once."""
        return self.answered + self.unconnected + max(0, self.broken - self.broken_off)

    @property
    def not_answered(self) -> int:
        """Without a whole answer of the release."""
        return self.unconnected + self.broken

    @property
    def errors(self) -> int:
        """Answered 5xx, or not answered at all."""
        return self.failed_5xx + self.not_answered

    def since(self, earlier: Count) -> Count:
        """What was added; nothing is ever taken away."""
        return Count(
            *(
                max(0, getattr(self, name) - getattr(earlier, name))
                for name in ("answered", "failed_5xx", "unconnected", "broken", "broken_off")
            )
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the statistics."""

    count: Count
    in_flight: int  # requests on the server now, tunnels too, and those that queue for it
    mode: str  # "http" or "tcp"
    algorithm: str  # of the backend: "roundrobin"
    is_backup: bool


def read_servers(text: str, backend: str) -> Mapping[str, Server]:
    """By name, in the order of the configuration. Raises `MobiusError` for a backend that is not there, and for lines
    that were cut or are not what we know."""
    lines = text.splitlines()
    if len(lines) < 2 or not lines[1].startswith("#"):
        raise MobiusError(
            f"HAProxy has no backend {backend}",
            "correct [traffic] backend, or include what `mobius traffic snippet` prints and reload HAProxy once",
        )
    columns = lines[1].lstrip("# ").split()
    servers = {}
    for line in lines[2:]:
        held = dict(zip(columns, line.split(), strict=False))
        if held.get("be_name") != backend:
            continue
        try:
            servers[held["srv_name"]] = _server(held)
        except (KeyError, ValueError) as unknown:
            raise MobiusError(
                f"HAProxy's servers of {backend} cannot be read: {unknown!r}",
                "look what it says: mobius traffic check",
            ) from unknown
    return servers


def _server(held: Mapping[str, str]) -> Server:
    return Server(
        name=held["srv_name"],
        address="" if held["srv_addr"] == "-" else held["srv_addr"],
        port=int(held["srv_port"]),
        is_up=int(held["srv_op_state"]) > 0,
        is_ready=not int(held["srv_admin_state"]) & (IN_MAINTENANCE | IN_DRAIN),
        weight=int(held["srv_uweight"]),
    )


def same_for_a_start(kept: Mapping[str, Server], now: Mapping[str, Server]) -> bool:
    """Whether HAProxy, started from `kept`, would send requests to the same places; what is up its checks find out."""
    return [replace(server, is_up=True) for server in kept.values()] == [
        replace(server, is_up=True) for server in now.values()
    ]


def read_statistics(text: str, backend: str) -> Mapping[str, Row]:
    """By server, and `BACKEND` for all of it. Raises `MobiusError` when they are not what we know."""
    lines = text.splitlines()
    columns = lines[0].removeprefix("# ").split(",") if lines else []
    place = {name: columns.index(name) for name in READ if name in columns}
    rows = {}
    try:
        for line in lines[1:]:
            held = line.split(",")
            if held[place["pxname"]] == backend and held[place["svname"]] != "FRONTEND":
                rows[held[place["svname"]]] = _row(held, place)
    except (KeyError, IndexError, ValueError) as unknown:
        raise MobiusError(
            f"HAProxy's statistics of {backend} cannot be read: {unknown!r}",
            "look what it says: mobius traffic check",
        ) from unknown
    return rows


def read_process(text: str) -> str:
    """Which HAProxy process counts: its counters begin at zero with every process."""
    held = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    return f"{held.get('Pid', '')}@{held.get('Start_time_sec', '')}"


def _row(held: Sequence[str], place: Mapping[str, int]) -> Row:
    """`place`: of each column that is there. Of a hundred columns a few are read: a fleet has thousands of rows."""

    def text(name: str) -> str:
        return held[place[name]] if place.get(name, len(held)) < len(held) else ""

    def number(name: str) -> int:
        return int(text(name) or 0)

    count = Count(*(number(name) for name in COUNTED))
    return Row(
        count, number("scur") + number("qcur"), text("mode"), text("algo"), is_backup=number("bck") > 0
    )
