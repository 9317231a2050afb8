"""A ground whose requests come through a real nginx or Caddy: bridged by the front door, or straight to a release."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.contracts.conftest import SOURCE, Ground, web
from adapters.traffic.proxies import Proxy, why_not
from host.sites import new_site
from mobius.adapters.places import Places
from mobius.adapters.targets.process import ProcessTarget
from mobius.adapters.traffic.live_socket import LiveSocketTraffic
from mobius.model.settings import EnvironmentSettings, ProcessSettings, TrafficSettings
from mobius.report.snippets.live_socket import Static


@contextlib.contextmanager
def live_socket_ground(
    kind: str,
    *,
    direct: bool = False,
    process: ProcessSettings | None = None,
    statics: tuple[Static, ...] = (),
    user: str = "",
) -> Iterator[tuple[Ground, Proxy]]:
    """The proxy on the site's port; no slot is started yet. Skips where there is no such proxy."""
    if reason := why_not(kind):
        pytest.skip(reason)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")]).rstrip(":")
    for site in new_site():
        log = site.root / "proxy" / "access.log" if direct else None
        settings = EnvironmentSettings(
            "production",
            f"http://127.0.0.1:{site.port}",
            site.root,
            listen=site.listen,
            processes=(process or (by_socket() if direct else web()),),
            traffic=TrafficSettings(kind=kind, access_log=log),  # type: ignore[arg-type]
        )
        target = ProcessTarget(settings, Places(site.root, site.root), {})
        target.prepare()
        traffic = LiveSocketTraffic(site.root, settings, (site.root / "releases").joinpath)
        with Proxy(kind, site.root / "proxy", settings, statics, user=user) as proxy:
            yield Ground(site, settings, target, traffic), proxy


def by_socket(name: str = "api") -> ProcessSettings:
    """A web process that serves on its Unix socket."""
    served = web(name)
    return replace(served, start=(*served.start, "--socket"), listen="auto")


def serve(ground: Ground, *slots: tuple[str, str]) -> None:
    """These releases run in these slots."""
    for slot, release_id in slots:
        (ground.site.root / "releases" / release_id).mkdir(parents=True, exist_ok=True)
        ground.target.start(slot, release_id, Path("/"), ground.settings.processes)
        ground.site.wait_running(slot)
