"""What systemd sees of a placed process, in the words of the ports."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from pathlib import Path

from mobius.adapters import systemd
from mobius.adapters.systemd import UnitState
from mobius.adapters.targets.reached import reached_at
from mobius.adapters.targets.systemd_slots import Placed

LOOK_EVERY_S = 0.2


def state_of(one: Placed, states: Mapping[str, UnitState]) -> str:
    """In the words of the port; a web process runs once it accepts."""
    unit, service = states[one.unit], states[one.service]
    if one.unit != one.service and unit.active == "active":
        return "running"
    if service.sub == "auto-restart":
        return "backoff"
    if service.active == "failed":
        return "failed"
    if not service.is_alive:
        return "stopped"
    if service.active == "activating":
        return "starting"
    return "starting" if one.kind == "web" and one.port and not _accepts(one) else "running"


def is_alive(one: Placed, states: Mapping[str, UnitState]) -> bool:
    """Whether anything of it runs or ticks."""
    return states[one.unit].is_alive or states[one.service].is_alive


def await_end(unit: str, within_s: float) -> None:
    """Until the unit has ended by itself, or so long."""
    give_up_at = time.monotonic() + within_s
    while systemd.show([unit])[0].is_alive and time.monotonic() < give_up_at:
        time.sleep(LOOK_EVERY_S)


def url(one: Placed) -> str:
    """Where it is reached, past the front door; "" for what is no web process."""
    return reached_at(one.port, one.socket)


def _accepts(one: Placed) -> bool:
    if one.socket and Path(one.socket).exists():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(1.0)
            if line.connect_ex(one.socket) == 0:
                return True
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as line:
        line.settimeout(1.0)
        return line.connect_ex(("127.0.0.1", one.port or 0)) == 0
