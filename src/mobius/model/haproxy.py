"""What our part of an HAProxy is called and where it lies: its socket, its backend, its servers, its state file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mobius.model.settings import EnvironmentSettings

SLOTS = ("blue", "green")
DOOR = "door"  # the server that is our own front door: it gets requests only while they are held
USUAL_SOCKET = Path("/run/haproxy/admin.sock")  # as Debian's package configures it
USUAL_CONFIG = Path("/etc/haproxy/haproxy.cfg")


@dataclass(frozen=True, slots=True)
class HaproxyPlace:
    """One backend of one HAProxy. `state_file` is what HAProxy reads when it starts."""

    socket: Path
    backend: str
    state_file: Path
    config: Path
    servers: tuple[str, ...] = (*SLOTS, DOOR)  # those that are ours


def server_name(slot: str, host: str) -> str:
    """Of one slot of one host of a fleet, in HAProxy's backend."""
    return f"{slot}-{host}"


def haproxy_place(service: str, settings: EnvironmentSettings) -> HaproxyPlace:
    """The place of one environment: what `[traffic]` says, and what is usual where it says nothing."""
    traffic = settings.traffic
    own = service if settings.name == "production" else f"{service}-{settings.name}"
    return HaproxyPlace(
        socket=traffic.socket or USUAL_SOCKET,
        backend=traffic.backend or own,
        state_file=traffic.state_file or settings.root / "run" / "haproxy.state",
        config=traffic.config or USUAL_CONFIG,
        servers=tuple(server_name(slot, host.name) for host in settings.hosts for slot in SLOTS)
        or (*SLOTS, DOOR),
    )
