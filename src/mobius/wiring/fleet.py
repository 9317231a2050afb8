"""A fleet's target, traffic and releases: imported only where `target = "ssh"`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobius.adapters.fleet.hosts import Hosts
from mobius.adapters.fleet.line import Line
from mobius.adapters.fleet.releases import FleetReleases
from mobius.adapters.fleet.sending import receiver
from mobius.adapters.places import Places
from mobius.adapters.remote import KEEP_ALIVE
from mobius.adapters.targets.fleet import FleetTarget
from mobius.adapters.traffic.fleet import FleetTraffic
from mobius.model.fleet import FleetSettings, HostSettings
from mobius.model.haproxy import haproxy_place
from mobius.model.settings import EnvironmentSettings
from mobius.ports import Clock

CONNECT_TIMEOUT_S = 10


def fleet(
    service: str,
    settings: EnvironmentSettings,
    places: Places,
    environ: Mapping[str, str],
    clock: Clock,
    *releases: Any,
) -> tuple[FleetTarget, FleetTraffic, FleetReleases]:
    """The hosts of one environment, HAProxy in front of them, and their releases, which are made of `releases`. Reaches
    none of them yet."""
    how = settings.fleet
    root = how.root or f"mobius/{service}-{settings.name}"

    def line_to(host: HostSettings) -> Line:
        return Line(host.name, ssh_to(host, how), root)

    hosts = Hosts(settings.hosts, how, places.root / "run", clock, line_to)
    target = FleetTarget(settings, places, environ, hosts)
    traffic = FleetTraffic(haproxy_place(service, settings), places.root, hosts, target, clock)
    return target, traffic, FleetReleases(target, *releases)


def ssh_to(host: HostSettings, fleet: FleetSettings) -> tuple[str, ...]:
    """The system's own ssh, with the user's configuration; nothing is asked, and host keys are checked as it says."""
    return (
        "ssh",
        "-T",
        *KEEP_ALIVE,
        "-o",
        "BatchMode=yes",
        "-o",
        f"ConnectTimeout={CONNECT_TIMEOUT_S}",
        "--",
        host.address,
        receiver(fleet.python),
    )
