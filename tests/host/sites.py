"""A real supervisor, door and services on loopback, gone afterwards in any case."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from free_ports import free_port
from mobius.host.client import HostClient, HostUnavailable, ensure_running
from mobius.host.messages import Kind, Listen, ProcessSpec

SERVICE = Path(__file__).with_name("service.py")


class Site:
    """One root with its supervisor, and the front door's port."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()
        self.client: HostClient = ensure_running(root)

    @property
    def listen(self) -> str:
        return f"127.0.0.1:{self.port}"

    def web(self, name: str = "api", *, listen: Listen = "port", **env: str) -> ProcessSpec:
        flags = ("--socket",) if listen == "socket" else ()
        argv = (sys.executable, "-P", str(SERVICE), *flags)
        return ProcessSpec(name, "web", argv, env=env, listen=listen, stop_timeout_s=3.0)

    def other(self, name: str, *argv: str, kind: Kind = "worker", **env: str) -> ProcessSpec:
        return ProcessSpec(name, kind, argv or ("sleep", "1000"), env=env, stop_timeout_s=2.0)

    def start(self, slot: str, release: str, *specs: ProcessSpec) -> None:
        """Starts the slot and waits until all of it runs."""
        self.client.start_slot(slot, release, self.root, specs or (self.web(),))
        self.wait_running(slot)

    def wait_running(self, slot: str) -> None:
        def all_run() -> bool:
            return all(one.state == "running" for one in self.client.status().slots[slot].processes)

        wait_for(f"slot {slot} to run", all_run)

    def pid_of(self, slot: str, process: str = "api") -> int:
        for one in self.client.status().slots[slot].processes:
            if one.name == process and one.pid is not None:
                return one.pid
        raise AssertionError(f"{process} of {slot} does not run")

    def log(self, slot: str, process: str = "api") -> str:
        return (self.root / "run" / slot / f"{process}.log").read_text()

    def kill_supervisor(self) -> None:
        pid = self.client.ping().pid
        os.kill(pid, signal.SIGKILL)
        wait_for("the supervisor to die", lambda: not is_running(pid))

    def clean_up(self) -> None:
        with contextlib.suppress(HostUnavailable):
            os.kill(HostClient(self.root, timeout_s=5.0).ping().pid, signal.SIGKILL)
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("MOBIUS_ROOT") == str(self.root):
                    process.kill()
        shutil.rmtree(self.root, ignore_errors=True)


def new_site(suffix: str = "") -> Iterator[Site]:
    root = Path(tempfile.mkdtemp(prefix="mobius-host-", suffix=suffix)).resolve()
    site = Site(root)
    try:
        yield site
        for log in ("host.log", "door.log"):
            written = root / "run" / log
            assert not written.exists() or "Traceback" not in written.read_text(), written.read_text()
    finally:
        site.clean_up()


def wait_for(what: str, holds: Callable[[], bool], within_s: float = 30.0) -> None:
    """Waits until it holds; fails, saying what did not, when that takes too long."""
    give_up_at = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < give_up_at, f"waited {within_s} s for {what}"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
