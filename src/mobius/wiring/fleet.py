"""A fleet's target, traffic and releases: imported only where `target = "ssh"`."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from mobius.adapters.fleet.hosts import Hosts
from mobius.adapters.fleet.line import Line
from mobius.adapters.fleet.releases import FleetReleases
from mobius.adapters.fleet.sending import receiver
from mobius.adapters.places import Places
from mobius.adapters.remote import KEEP_ALIVE
from mobius.adapters.targets.fleet import FleetTarget
from mobius.adapters.traffic.fleet import FleetTraffic
from mobius.errors import MobiusError
from mobius.model.fleet import FleetSettings, HostSettings
from mobius.model.haproxy import haproxy_place
from mobius.model.settings import EnvironmentSettings
from mobius.ports import Clock, Journal, Note

CONNECT_TIMEOUT_S = 10
FILES_A_LINE = 3  # two ends of it, and what ssh says on the side
OTHER_FILES = 512


def fleet(
    service: str,
    settings: EnvironmentSettings,
    places: Places,
    environ: Mapping[str, str],
    clock: Clock,
    journal: Journal,
    releases: Sequence[Any],
) -> tuple[FleetTarget, FleetTraffic, FleetReleases]:
    """The hosts of one environment, HAProxy in front of them, and their releases, which are made of `releases`.
    Reaches none of them yet; the lines to them end with the target. The journal hears of hosts that are put right."""
    how = settings.fleet
    root = how.root or f"mobius/{service}-{settings.name}"

    def line_to(host: HostSettings) -> Line:
        lines.append(Line(host.name, ssh_to(host, how), root, host.address))
        return lines[-1]

    def say(words: str) -> None:
        with suppress(MobiusError):  # a host is put right whether or not anybody hears of it
            journal.say(None, settings.name, Note("hosts put right", words), now=clock.now())

    make_room(len(settings.hosts))
    lines: list[Line] = []
    hosts = Hosts(settings.hosts, how, places.root / "run", clock, line_to)
    weakref.finalize(hosts, _end, lines)
    target = FleetTarget(settings, places, environ, hosts, say)
    traffic = FleetTraffic(haproxy_place(service, settings), places.root, hosts, target, clock)
    return target, traffic, FleetReleases(target, *releases)


def make_room(lines: int) -> None:
    """For the open files of so many lines, as far as this user may: the usual 1,024 are too few from 330 hosts on."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        needed = lines * FILES_A_LINE + OTHER_FILES
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY:
            needed = min(needed, hard)
        if soft != resource.RLIM_INFINITY and soft < needed:
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _end(lines: list[Line]) -> None:
    for line in lines:
        line.hang_up()
    for line in lines:
        line.close()


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
