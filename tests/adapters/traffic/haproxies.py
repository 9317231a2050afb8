"""A real HAProxy in front of slots, configured by what we print, and started anew in every way people do it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil

from host.sites import is_running, wait_for
from mobius.adapters.traffic.haproxy_socket import RuntimeApi
from mobius.errors import MobiusError
from mobius.model.haproxy import HaproxyPlace, haproxy_place
from mobius.model.settings import EnvironmentSettings
from mobius.report.snippets.haproxy import haproxy_configuration

WHY_NOT = "" if shutil.which("haproxy") else "haproxy is not installed: apt-get install haproxy"
LEAVES_WITHIN_S = 15.0
AGAIN_S = 2.0


class Haproxy:
    """One HAProxy in `folder`. With `master`, as systemd runs it: a master process that reloads its worker."""

    def __init__(
        self,
        folder: Path,
        service: str,
        settings: EnvironmentSettings,
        *,
        master: bool = False,
        more: str = "",
    ) -> None:
        self.place: HaproxyPlace = haproxy_place(service, settings)
        self.config = folder / "haproxy.cfg"
        self.log = folder / "haproxy.log"
        self.api = RuntimeApi(self.place.socket)
        self._folder = folder
        self._master = master
        self._processes: list[subprocess.Popen[bytes]] = []
        folder.mkdir(parents=True, exist_ok=True)
        self.write(haproxy_configuration(self.place, settings, log="stderr") + more)

    def write(self, text: str) -> None:
        """Another configuration, checked by HAProxy itself."""
        self.config.write_text(text)
        checked = subprocess.run(["haproxy", "-c", "-f", str(self.config)], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr

    def start(self) -> Haproxy:
        """Running, with its socket answering."""
        mode = ["-W"] if self._master else ["-db"]
        with self.log.open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    ["haproxy", *mode, "-f", str(self.config)],
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )
        wait_for("HAProxy to answer", lambda: self.answers())
        return self

    def answers(self) -> bool:
        """Whether its socket does."""
        assert self._processes[-1].poll() is None, self.log.read_text()[-3000:]
        with contextlib.suppress(MobiusError):
            return bool(self.pid)
        return False

    @property
    def pid(self) -> int:
        """Of the process whose socket answers: in master mode, the worker."""
        told = self.api.ask(("show", "info"))[0]
        return int(next(line for line in told.splitlines() if line.startswith("Pid: ")).split()[1])

    def restart(self) -> None:
        """Killed, and started again."""
        self.kill()
        self.start()

    def reload(self) -> None:
        """As `systemctl reload haproxy`: SIGUSR2 to the master, and a new worker. A master that has just begun loses
        the signal while it executes itself anew (systemd waits for its READY=1), so it is told again."""
        before, told_at = self.pid, 0.0

        def is_another() -> bool:
            nonlocal told_at
            if time.monotonic() - told_at > AGAIN_S:
                self._processes[-1].send_signal(signal.SIGUSR2)
                told_at = time.monotonic()
            with contextlib.suppress(MobiusError):
                return self.pid != before
            return False

        wait_for("a new worker", is_another)

    def kill(self) -> None:
        """Gone at once, with its workers."""
        for process in self._processes:
            if process.poll() is not None:
                continue
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            for one in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one.pid, signal.SIGKILL)
            process.wait(30)
            for one in family:
                wait_for("HAProxy to be gone", lambda pid=one.pid: not is_running(pid))  # type: ignore[misc]
        self._processes.clear()

    def state(self) -> list[str]:
        """How the servers stand: name, address, port, operational and administrative state, weight."""
        told = self.api.ask(("show", "servers", "state", self.place.backend))[0]
        rows = [line.split() for line in told.splitlines()[2:] if line]
        return [" ".join(row[at] for at in (3, 4, 18, 5, 6, 7)) for row in rows]

    def tell(self, *words: str) -> str:
        """One command, as somebody else may give it."""
        return self.api.ask(words)[0]

    def __enter__(self) -> Haproxy:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()


def free_of_haproxy(pid: int, within_s: float = LEAVES_WITHIN_S) -> None:
    """Waits until that process is gone."""
    deadline = time.monotonic() + within_s
    while is_running(pid):
        assert time.monotonic() < deadline, f"HAProxy {pid} is still there"
        time.sleep(0.02)
