"""A ground whose requests come through a real HAProxy, with the front door behind it for what is held."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.contracts.conftest import SOURCE, Ground, web
from adapters.traffic.haproxies import WHY_NOT, Haproxy
from host.sites import new_site
from mobius.adapters.places import Places
from mobius.adapters.targets.process import ProcessTarget
from mobius.adapters.traffic.haproxy import HaproxyTraffic
from mobius.model.settings import EnvironmentSettings, ProcessSettings, TrafficSettings


@contextlib.contextmanager
def haproxy_ground(
    *, master: bool = False, process: ProcessSettings | None = None, more: str = ""
) -> Iterator[tuple[Ground, Haproxy]]:
    """HAProxy on the site's port; no slot is started yet. Skips where there is no HAProxy."""
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")]).rstrip(":")
    for site in new_site():
        folder = site.root / "proxy"
        settings = EnvironmentSettings(
            "production",
            f"http://127.0.0.1:{site.port}",
            site.root,
            listen=site.listen,
            processes=(process or web(),),
            traffic=TrafficSettings(kind="haproxy", socket=folder / "admin.sock"),
        )
        haproxy = Haproxy(folder, "app", settings, master=master, more=more)
        target = ProcessTarget(settings, Places(site.root, site.root), {})
        target.prepare()
        with haproxy:
            yield Ground(site, settings, target, HaproxyTraffic(haproxy.place, site.root, target)), haproxy


def serve(ground: Ground, *slots: tuple[str, str], process: ProcessSettings | None = None) -> None:
    """These releases run in these slots."""
    for slot, release_id in slots:
        ground.target.start(slot, release_id, Path("/"), [process or web()])
        ground.site.wait_running(slot)
