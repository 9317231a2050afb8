"""Which process of a release runs on which host of a fleet: by role, and a singleton on one host alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mobius.model.fleet import HostSettings
from mobius.model.settings import ProcessSettings

SINGLETON = "singleton"


def belongs(host: HostSettings, process: ProcessSettings) -> bool:
    """Whether the host's role allows it: by kind or by name; a host without roles runs web processes."""
    roles = host.roles or ("web",)
    return process.kind in roles or process.name in roles


def placed(
    processes: Sequence[ProcessSettings], hosts: Sequence[HostSettings], there: Mapping[str, Sequence[str]]
) -> Mapping[str, tuple[ProcessSettings, ...]]:
    """What each of these hosts runs, by its name; hosts that run none of it are left out. A singleton stays on the host
    where it is (`there`: names of processes by host), else it is for the first host of its role."""
    by_host: dict[str, list[ProcessSettings]] = {}
    for process in processes:
        may = [host.name for host in hosts if belongs(host, process)]
        if process.kind == SINGLETON:
            may = [*(name for name in may if process.name in there.get(name, ())), *may][:1]
        for name in may:
            by_host.setdefault(name, []).append(process)
    return {host.name: tuple(by_host[host.name]) for host in hosts if host.name in by_host}
