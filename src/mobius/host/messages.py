"""The nouns that travel between a command, the supervisor and the front door; all frozen, all JSON."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal, TypeVar

Kind = Literal["web", "worker", "singleton"]
Listen = Literal["port", "socket", "auto"]
ProcessState = Literal["starting", "running", "backoff", "stopped", "failed"]
JobState = Literal["running", "backoff", "finished", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process to run in a slot.

    A `web` process gets PORT and MOBIUS_SOCKET and may serve on either; `listen` says which one the front
    door uses ("auto": the socket when it is there and accepts, else the port). `stop_signal` goes to the
    whole process group; what is left of it after `stop_timeout_s` is killed.
    """

    name: str
    kind: Kind
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold secrets: never in a repr
    stop_signal: str = "TERM"
    stop_timeout_s: float = 10.0
    listen: Listen = "auto"


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """What the supervisor knows of one process. `last_exit` is the exit code, negative for a signal, None
    while it never ended or ended unseen (a process that was adopted has no exit code we could read)."""

    name: str
    kind: Kind
    pid: int | None
    state: ProcessState
    restarts: int
    started_at: float | None
    last_exit: int | None
    port: int | None
    socket: str | None
    log: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SlotStatus:
    """A slot: the release in it and its processes (also those that were stopped). `placed`: somebody else runs
    it, and it is reached at `port` or `socket`."""

    release: str
    cwd: str
    processes: tuple[ProcessStatus, ...]
    placed: bool = False
    port: int | None = None
    socket: str | None = None


@dataclass(frozen=True, slots=True)
class Tls:
    """The certificate chain and its key, as PEM files; read again at each `configure_door`."""

    cert: str
    key: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What the front door allows one client. Zero body_bytes means no limit on the body."""

    header_bytes: int = 32 * 1024
    header_count: int = 100
    body_bytes: int = 0
    connections: int = 10_000
    header_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    idle_timeout_s: float = 60.0
    upstream_timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class DoorStatus:
    """The front door. `state` is "serving" when a door process answers, else "restarting"."""

    pid: int | None
    state: Literal["serving", "restarting"]
    listen: str
    generation: int
    weights: dict[str, int]
    held: bool
    in_flight: dict[str, int]
    connections: int
    restarts: int
    waiting: int = 0  # requests that a hold keeps waiting
    leaving: tuple[int, ...] = ()  # pids of older doors that still finish their last requests


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A supervised one-off command. "finished" is a final exit code, "failed" is too many deaths."""

    name: str
    pid: int | None
    state: JobState
    restarts: int
    started_at: float | None
    last_exit: int | None
    log: str


@dataclass(frozen=True, slots=True)
class Ping:
    pid: int
    version: str
    root: str
    started_at: float


@dataclass(frozen=True, slots=True)
class HostStatus:
    pid: int
    version: str
    root: str
    started_at: float
    slots: dict[str, SlotStatus]
    door: DoorStatus | None
    jobs: dict[str, JobStatus]
    warnings: tuple[str, ...] = ()  # what a person should know: a quarantined state file, an unknown process


@dataclass(frozen=True, slots=True)
class SlotStarted:
    """`started` was started now, `already` ran before from the same release and specification."""

    started: tuple[str, ...]
    already: tuple[str, ...]
    processes: tuple[ProcessStatus, ...]


@dataclass(frozen=True, slots=True)
class SlotStopped:
    """`killed` needed SIGKILL (part of `stopped`); `already` was not running."""

    stopped: tuple[str, ...]
    killed: tuple[str, ...]
    already: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SlotPlaced:
    """`already`: it was placed there before, with that release."""

    already: bool


@dataclass(frozen=True, slots=True)
class SlotRemoved:
    """`already`: there was no such slot."""

    already: bool


@dataclass(frozen=True, slots=True)
class Reached:
    """Where the web process of a slot is reached, and the release it is of."""

    release: str
    port: int | None
    socket: str | None


@dataclass(frozen=True, slots=True)
class Routed:
    """From `at` (unix seconds) on every new request goes by the new weights. `changed` is False when they
    held already. `slots` are those that can have weight; `held`: new requests wait for the end of a hold."""

    generation: int
    at: float
    previous: dict[str, int]
    weights: dict[str, int]
    changed: bool
    slots: dict[str, Reached] = field(default_factory=dict)
    held: bool = False


@dataclass(frozen=True, slots=True)
class Drained:
    """`cut` requests (and tunnels) were still open at the timeout and were closed; 0 and 0 is clean."""

    in_flight_left: int
    cut: int
    waited_s: float


@dataclass(frozen=True, slots=True)
class Held:
    held: bool
    until: float  # unix seconds; requests that wait longer get 503 with Retry-After
    already: bool


@dataclass(frozen=True, slots=True)
class HoldReleased:
    released: int  # requests that had been waiting and now went on
    already: bool


@dataclass(frozen=True, slots=True)
class DoorUpgraded:
    old_pid: int | None
    new_pid: int


@dataclass(frozen=True, slots=True)
class RouteCounts:
    """One of the critical routes: `errors` are 5xx answers plus requests the door could not get answered."""

    requests: int = 0
    errors: int = 0
    histogram: list[int] = field(default_factory=list)
    took_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class ReleaseCounts:
    """What one release answered. `errors_door`: no answer or a broken one, so the door answered 502/504 or
    cut the connection; or the release did not accept, and another slot with weight answered instead. `histogram`
    counts whole requests by `mobius.model.sample.HISTOGRAM_EDGES_MS`, and `took_ms` adds up their times."""

    requests: int = 0
    errors_5xx: int = 0
    errors_door: int = 0
    status: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    in_flight: int = 0
    histogram: list[int] = field(default_factory=list)
    took_ms: float = 0.0
    routes: dict[str, RouteCounts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SwitchCounts:
    generation: int
    at: float
    weights: dict[str, int]
    failed_because_of_switch: int


@dataclass(frozen=True, slots=True)
class Counters:
    """Sums since `since` (unix seconds), over every door process that served. `incomplete`: a door was
    killed, so up to its last second of counts may be missing. `partial`: what a door counted is not in these sums
    and will be in later ones, so that they must not be compared with others. `refused` has no_upstream, hold_overflow,
    bad_request, too_large, timeout. `switches` has the newest 200."""

    door_pid: int | None
    since: float
    generation: int
    releases: dict[str, ReleaseCounts]
    refused: dict[str, int]
    switches: tuple[SwitchCounts, ...]
    failed_because_of_switches: int = 0  # over all switches, also older ones
    incomplete: bool = False
    partial: bool = False  # an older supervisor does not say it


T = TypeVar("T")


def build(kind: type[T], data: Any) -> T:
    """The noun `kind` from its JSON. Unknown keys are left out, so that an older command understands a newer
    supervisor; a missing key without a default raises TypeError."""
    return typing.cast(T, _build(kind, data))


def _build(kind: Any, data: Any) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        given = {f.name: _build(hints[f.name], data[f.name]) for f in fields(kind) if f.name in data}
        return kind(**given)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return tuple(_build(args[0], item) for item in data)
    if origin is list:
        return [_build(args[0], item) for item in data]
    if origin in (dict, Mapping):
        return {key: _build(args[1], value) for key, value in data.items()}
    if origin in (types.UnionType, typing.Union):
        return None if data is None else _build(next(a for a in args if a is not type(None)), data)
    if kind is float and isinstance(data, int):
        return float(data)
    return data
