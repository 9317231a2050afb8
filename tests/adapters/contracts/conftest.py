"""A supervisor with its door that the contract tests of one module share, gone afterwards in any case."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest

from host.sites import SERVICE, Site, new_site, wait_for
from mobius.adapters.places import Places
from mobius.adapters.targets.process import ProcessTarget
from mobius.adapters.traffic.door import DoorTraffic
from mobius.adapters.traffic.live_socket import LiveSocketTraffic
from mobius.host.protocol import SLOTS_VARIABLE
from mobius.model.settings import EnvironmentSettings, ProcessSettings
from mobius.ports import Traffic

SOURCE = Path(__file__).parents[3] / "src"


@dataclass
class Ground:
    """A site, its settings, and the two real adapters on it."""

    site: Site
    settings: EnvironmentSettings
    target: ProcessTarget
    traffic: Traffic

    def get(self, path: str = "/") -> tuple[int, str]:
        """One request through the door."""
        line = HTTPConnection("127.0.0.1", self.site.port, timeout=30)
        try:
            line.request("GET", path)
            answer = line.getresponse()
            return answer.status, answer.read().decode()
        finally:
            line.close()

    def in_background(self, path: str, told: list[tuple[int, str]]) -> threading.Thread:
        """One request through the door, whose answer is added to `told`."""

        def ask() -> None:
            try:
                told.append(self.get(path))
            except OSError as problem:
                told.append((0, str(problem)))

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        return thread

    @property
    def is_direct(self) -> bool:
        """Whether a proxy dials the releases themselves where it may, so that our door does not count."""
        return isinstance(self.traffic, LiveSocketTraffic) and self.settings.traffic.access_log is not None

    def in_flight(self, slot: str, release_id: str) -> int:
        """Requests that the release in this slot is answering."""
        if isinstance(self.traffic, LiveSocketTraffic) and self.is_direct:
            return self.traffic.in_flight(slot)
        return self.traffic.counters()[release_id].in_flight

    def empty(self) -> None:
        """As it was at the start: no traffic, nothing held, no process."""
        self.traffic.release_hold()
        self.traffic.switch({})
        for slot in ("blue", "green"):
            self.target.stop(slot)


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    yield from _made()


@pytest.fixture(scope="module")
def ground_on_ports() -> Iterator[Ground]:
    """As on a system without Unix sockets: what runs in a slot has a loopback port and nothing else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SLOTS_VARIABLE, "port")
        yield from _made()


def _made() -> Iterator[Ground]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(SOURCE), prepend=os.pathsep)
        yield from _begun()


def _begun() -> Iterator[Ground]:
    for site in new_site():
        settings = EnvironmentSettings(
            "production", f"http://127.0.0.1:{site.port}", site.root, listen=site.listen, processes=(web(),)
        )
        target = ProcessTarget(settings, Places(site.root, site.root), {"HANDED": "on"})
        target.prepare()
        yield Ground(site, settings, target, DoorTraffic(site.root))


def web(name: str = "api") -> ProcessSettings:
    """A web process that answers with its release."""
    import sys

    return ProcessSettings(name, (sys.executable, "-P", str(SERVICE)), listen="port", stop_timeout_s=3.0)


def other(name: str, kind: str, *argv: str) -> ProcessSettings:
    """A worker or singleton."""
    return ProcessSettings(name, argv or ("sleep", "1000"), kind=kind, stop_timeout_s=2.0)  # type: ignore[arg-type]


__all__ = ["Ground", "other", "wait_for", "web"]
