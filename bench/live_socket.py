"""nginx's and Caddy's ways to switch: one rename by our own adapter, straight to a release or by the front door."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace

from bench.common import REPOSITORY, Child, answers, python_path, wait_for
from bench.ways import DRAIN_S, Switch, Way
from mobius.adapters.traffic.live_socket import LiveSocketTraffic
from mobius.host.client import ensure_running
from mobius.host.messages import ProcessSpec
from mobius.model.settings import EnvironmentSettings, TrafficSettings
from mobius.report.snippets.caddy import caddy_configuration, caddy_snippet
from mobius.report.snippets.nginx import nginx_configuration, nginx_snippet


class LiveSocketWay(Way):
    """A proxy as `mobius traffic snippet` configures it. `direct`: the release listens on its own Unix socket."""

    kind = "nginx"
    direct = True
    proxy: Child | None = None

    def open(self, release: str) -> None:
        os.environ["PYTHONPATH"] = python_path()
        self.root = self.folder.resolve() / "root"
        self.root.mkdir()
        log = self.folder / "access.log" if self.direct else None
        settings = EnvironmentSettings(
            "bench",
            self.url,
            self.root,
            listen=f"127.0.0.1:{self.port}",
            traffic=TrafficSettings(access_log=log),
        )
        self.host = ensure_running(self.root)
        self.host.configure_door(f"unix:{settings.door_socket}")
        self.traffic = LiveSocketTraffic(self.root, settings, (self.root / "releases").joinpath)
        self.slot = "blue"
        self.start(release, "blue")
        self.traffic.switch({"blue": 100})
        self.proxy = self.start_proxy(replace(settings, traffic=replace(settings.traffic, access_log=None)))
        wait_for(f"{self.name} serving", lambda: answers(self.port))
        self.live = release

    def start_proxy(self, settings: EnvironmentSettings) -> Child:
        """It writes no log, as no other way here does; that there is one only tells the adapter to go straight."""
        config = self.folder / "proxy.conf"
        if self.kind == "nginx":
            user = "root" if os.geteuid() == 0 else ""
            text = nginx_configuration(
                nginx_snippet("bench", settings), settings.listen, self.folder, user=user
            )
            config.write_text(text)
            argv = ["nginx", "-e", str(self.folder / "error.log"), "-g", "daemon off;", "-c", str(config)]
        else:
            config.write_text(
                caddy_configuration(caddy_snippet("bench", settings), settings.listen, self.folder)
            )
            argv = ["caddy", "run", "--adapter", "caddyfile", "--config", str(config)]
        return Child(argv, self.folder / "proxy.log")

    def change(self, release: str) -> Switch:
        began_s = time.monotonic()
        old_slot, self.slot = self.slot, "green" if self.slot == "blue" else "blue"
        self.start(release, self.slot)
        called_s = time.monotonic()
        self.traffic.switch({self.slot: 100})
        returned_s = time.monotonic()
        if cut := self.traffic.drain(old_slot, DRAIN_S):
            print(f"  {cut} requests were cut")
        self.host.stop_slot(old_slot, timeout_s=DRAIN_S)
        old, self.live = self.live, release
        return Switch(old, release, began_s, called_s, returned_s, time.monotonic())

    def start(self, release: str, slot: str) -> None:
        argv = (sys.executable, "-m", "bench.service", "--release", release)
        spec = ProcessSpec(name="web", kind="web", argv=(*argv, *(["--own-socket"] if self.direct else [])))
        self.host.start_slot(slot, release, REPOSITORY, [spec])
        wait_for(f"{release} in {slot}", lambda: self.is_up(slot))

    def is_up(self, slot: str) -> bool:
        return all(one.state == "running" for one in self.host.status().slots[slot].processes)

    def end(self) -> None:
        if self.proxy is not None:
            self.proxy.stop(1)
        if hasattr(self, "host"):
            self.host.shutdown(stop_slots=True)


class NginxLiveSocket(LiveSocketWay):
    """nginx dials the release's own socket."""

    name = "nginx-live-socket"
    needs = "nginx"


class NginxBridged(NginxLiveSocket):
    """nginx dials the front door, for a release with a port alone."""

    name = "nginx-bridged"
    direct = False


class CaddyLiveSocket(LiveSocketWay):
    """Caddy dials the release's own socket."""

    name = "caddy-live-socket"
    kind = needs = "caddy"


class CaddyBridged(CaddyLiveSocket):
    """Caddy dials the front door, for a release with a port alone."""

    name = "caddy-bridged"
    direct = False


WAYS: tuple[type[Way], ...] = (NginxLiveSocket, NginxBridged, CaddyLiveSocket, CaddyBridged)
