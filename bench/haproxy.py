"""HAProxy's ways to switch: its runtime API, its reload, and a link to the live release's socket."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from bench.common import Child, wait_for
from bench.ways import DRAIN_S, TwoSlots
from mobius.adapters.traffic.haproxy import HaproxyTraffic
from mobius.model.haproxy import HaproxyPlace
from mobius.model.settings import EnvironmentSettings
from mobius.ports import ProcessStatus, Target
from mobius.report.snippets.haproxy import haproxy_configuration

GLOBAL = "global\n  nbthread 1\n  maxconn 2000\n"  # one thread, as every way here


class HaproxyRuntime(TwoSlots):
    """HAProxy as `mobius traffic snippet` configures it, told by our own adapter. No reload."""

    name = "haproxy-runtime"
    needs = "haproxy"
    haproxy: Child | None = None

    def open_traffic(self) -> None:
        place = HaproxyPlace(
            socket=self.folder / "admin.sock",
            backend="app",
            state_file=self.folder / "haproxy.state",
            config=self.folder / "haproxy.cfg",
        )
        settings = EnvironmentSettings("bench", self.url, self.folder, listen=f"127.0.0.1:{self.port}")
        place.config.write_text(haproxy_configuration(place, settings).replace("global\n", GLOBAL, 1))
        self.haproxy = Child(["haproxy", "-db", "-f", str(place.config)], self.folder / "haproxy.log")
        wait_for("HAProxy's socket", place.socket.exists)
        self.traffic = HaproxyTraffic(place, self.folder, cast(Target, Places(self.ports)))
        self.traffic.switch({self.slot: 100})

    def move(self, old_slot: str, new_slot: str) -> None:
        self.traffic.switch({new_slot: 100})

    def drain(self, old_slot: str) -> None:
        if cut := self.traffic.drain(old_slot, DRAIN_S):
            print(f"  {cut} requests were cut")

    def end_traffic(self) -> None:
        if self.haproxy is not None:
            self.haproxy.stop(1)


class Places:
    """As much of a target as the adapter asks: where each slot is reached."""

    def __init__(self, ports: Mapping[str, int]) -> None:
        self._ports = ports

    def slot_url(self, slot: str) -> str:
        return f"http://127.0.0.1:{self._ports[slot]}"

    def processes(self) -> tuple[ProcessStatus, ...]:
        return tuple(
            ProcessStatus("web", "web", slot, slot, "running", url=self.slot_url(slot))
            for slot in self._ports
        )


class HaproxyReload(TwoSlots):
    """HAProxy with a new configuration and `-sf`: the old process finishes its requests and leaves."""

    name = "haproxy-reload"
    is_lossless = False
    needs = "haproxy"
    haproxy: Child | None = None

    def open_traffic(self) -> None:
        self.haproxy = Child(["haproxy", "-db", "-f", str(self.write_config())], self.folder / "haproxy.log")

    def move(self, old_slot: str, new_slot: str) -> None:
        assert self.haproxy is not None
        self.leaving = self.haproxy
        argv = ["haproxy", "-db", "-f", str(self.write_config()), "-sf", str(self.leaving.pid)]
        self.haproxy = Child(argv, self.folder / "haproxy.log")

    def drain(self, old_slot: str) -> None:
        self.leaving.wait(DRAIN_S)

    def end_traffic(self) -> None:
        if self.haproxy is not None:
            self.haproxy.stop(1)

    def write_config(self) -> Path:
        servers = [
            f"server {slot} 127.0.0.1:{port} {'' if slot == self.slot else 'disabled'}"
            for slot, port in self.ports.items()
        ]
        return write_haproxy_config(self.folder, self.port, servers)


class LiveSocket(TwoSlots):
    """HAProxy dials a link to the release's Unix socket; the switch is one rename of the link."""

    name = "live-socket"
    needs = "haproxy"
    haproxy: Child | None = None

    def start_service(self, release: str, port: int) -> Child:
        path = self.path_of(next(slot for slot, its in self.ports.items() if its == port))
        path.unlink(missing_ok=True)
        argv = [sys.executable, "-m", "bench.service", "--release", release, "--socket", str(path)]
        child = Child(argv, self.folder / "service.log")
        wait_for("a release that accepts on its socket", lambda: accepts(path))
        return child

    def open_traffic(self) -> None:
        self.move("", "blue")
        # A connection kept to the old release, even for one client only, would still lead there.
        servers = ["option http-server-close", f"server live unix@{self.folder}/live.sock pool-max-conn 0"]
        config = write_haproxy_config(self.folder, self.port, servers)
        self.haproxy = Child(["haproxy", "-db", "-f", str(config)], self.folder / "haproxy.log")

    def move(self, old_slot: str, new_slot: str) -> None:
        link = self.folder / "next.sock"
        link.symlink_to(self.path_of(new_slot))
        link.rename(self.folder / "live.sock")

    def drain(self, old_slot: str) -> None:
        time.sleep(
            0.2
        )  # what was dialled just before the rename is accepted by now; uvicorn finishes the rest

    def end_traffic(self) -> None:
        if self.haproxy is not None:
            self.haproxy.stop(1)

    def path_of(self, slot: str) -> Path:
        return self.folder / f"{slot}.sock"


def accepts(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    except OSError:
        return False
    return True


def write_haproxy_config(folder: Path, port: int, servers: list[str]) -> Path:
    """One front end on `port` with one thread; `servers` are the lines of its back end."""
    backend = "\n  ".join(servers)
    path = folder / "haproxy.cfg"
    path.write_text(
        f"""global
  nbthread 1
  maxconn 2000
  stats socket {folder}/admin.sock mode 600 level admin
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
  option redispatch
frontend front
  bind 127.0.0.1:{port}
  default_backend app
backend app
  {backend}
"""
    )
    return path
