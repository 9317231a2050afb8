"""HAProxy's ways to switch: its runtime API, its reload, and a link to the live release's socket."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

from bench.common import BenchFailed, Child, wait_for
from bench.ways import DRAIN_S, TwoSlots


class HaproxyRuntime(TwoSlots):
    """HAProxy, told over its admin socket: the new server ready, the old one draining. No reload."""

    name = "haproxy-runtime"
    needs = "haproxy"
    haproxy: Child | None = None

    def open_traffic(self) -> None:
        self.haproxy = Child(["haproxy", "-db", "-f", str(self.write_config())], self.folder / "haproxy.log")

    def move(self, old_slot: str, new_slot: str) -> None:
        self.tell(f"set server app/{new_slot} state ready; set server app/{old_slot} state drain")

    def drain(self, old_slot: str) -> None:
        wait_for(f"{old_slot} drained", lambda: self.sessions(old_slot) == 0, DRAIN_S)

    def end_traffic(self) -> None:
        if self.haproxy is not None:
            self.haproxy.stop(1)

    def tell(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.folder / "admin.sock"))
            admin.sendall(command.encode() + b"\n")
            said = b""
            while part := admin.recv(65536):
                said += part
        if command.startswith("set") and said.strip():
            raise BenchFailed(f"haproxy refused {command!r}: {said.decode().strip()}")
        return said.decode()

    def sessions(self, slot: str) -> int:
        """Requests in flight on a server: `scur` of its line of statistics."""
        lines = self.tell("show stat").splitlines()
        column = lines[0].lstrip("# ").split(",").index("scur")
        return next(int(line.split(",")[column]) for line in lines if line.startswith(f"app,{slot},"))

    def write_config(self) -> Path:
        servers = [
            f"server {slot} 127.0.0.1:{port} {'' if slot == self.slot else 'disabled'}"
            for slot, port in self.ports.items()
        ]
        return write_haproxy_config(self.folder, self.port, servers)


class HaproxyReload(HaproxyRuntime):
    """HAProxy with a new configuration and `-sf`: the old process finishes its requests and leaves."""

    name = "haproxy-reload"
    is_lossless = False

    def move(self, old_slot: str, new_slot: str) -> None:
        assert self.haproxy is not None
        self.leaving = self.haproxy
        argv = ["haproxy", "-db", "-f", str(self.write_config()), "-sf", str(self.leaving.pid)]
        self.haproxy = Child(argv, self.folder / "haproxy.log")

    def drain(self, old_slot: str) -> None:
        self.leaving.wait(DRAIN_S)


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
