"""A real sshd on the loopback with keys of its own, reached through a wire that the test can cut."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from free_ports import free_port
from journeys.line.far import MOBIUS
from journeys.service import Done, Service, wait_until

CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/sshd.pid
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
SetEnv XDG_STATE_HOME={folder}/state PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={path}
"""

CLIENT = """
Host far
  HostName 127.0.0.1
  Port {wire}
  User {user}
  IdentityFile {folder}/key
  IdentitiesOnly yes
  HostKeyAlias far
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
"""


class Sshd:
    """The far side `far`: this machine, as this user, by ssh."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
        if program is None or shutil.which("ssh") is None:
            pytest.skip("no sshd here: install openssh-server")
        self.folder = folder
        self.here = folder / "here"
        for made in (self.here, folder / "bin"):
            made.mkdir(parents=True)
        for name in ("host_key", "key"):
            keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
            subprocess.run(keygen, check=True)
        shutil.copy(folder / "key.pub", folder / "authorized_keys")
        self.trust(folder / "host_key.pub")
        port = free_port()
        (folder / "sshd_config").write_text(
            CONFIG.format(folder=folder, port=port, path=os.environ.get("PYTHONPATH", ""))
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd does not start as root without it
        self.log = folder / "sshd.log"
        with self.log.open("wb") as log:
            self._sshd = subprocess.Popen(
                [program, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log, stdin=subprocess.DEVNULL
            )
        self.wire = Wire(port)
        (folder / "ssh_config").write_text(
            CLIENT.format(folder=folder, wire=self.wire.port, user=getpass.getuser())
        )
        ssh = folder / "bin" / "ssh"
        ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh_config "$@"\n')
        ssh.chmod(0o755)
        self._started: list[subprocess.Popen[str]] = []
        wait_until(lambda: _answers(port), 10, what=f"sshd, which says: {self.log.read_text()}")

    def trust(self, key: Path) -> None:
        """From now on this is the key that `far` is known by."""
        (self.folder / "known_hosts").write_text("far " + key.read_text())

    def start(
        self, service: Service, *words: str, environ: Mapping[str, str] | None = None, **more: Any
    ) -> Any:
        """`mobius --on far:FOLDER …`, not waited for."""
        environ = {
            **os.environ,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "MOBIUS_REMOTE": str(MOBIUS),
            **(environ or {}),
        }
        argv = [sys.executable, "-m", "mobius", "--on", f"far:{service.folder}", *words]
        options: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
            "start_new_session": True,
            **more,
        }
        process = subprocess.Popen(argv, cwd=self.here, env=environ, **options)
        self._started.append(process)
        return process

    def on(self, service: Service, *words: str, **more: Any) -> Done:
        """`mobius --on far:FOLDER …` to its end."""
        process = self.start(service, *words, **more)
        out, err = process.communicate(timeout=90)
        return Done(process.returncode, out, err)

    def close(self) -> None:
        """Ends it, and everything that was started."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        self.wire.close()
        self._sshd.terminate()
        self._sshd.wait(30)


class Wire:
    """Carries connections to a port of the loopback, until it is cut."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._ends: list[socket.socket] = []
        self._down_until = 0.0
        self._silent: set[socket.socket] = set()
        self.made = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, for_s: float = 0.0) -> None:
        """Ends every connection at once; for a while new ones end, too."""
        self._down_until = time.monotonic() + for_s
        ends, self._ends = self._ends, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def fall_silent(self) -> None:
        """Whatever is connected now carries nothing more, and does not end."""
        self._silent |= set(self._ends)

    def close(self) -> None:
        """No more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut(1e9)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if time.monotonic() < self._down_until:
                near.close()
                continue
            self.made += 1
            try:
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:  # nobody is there any more: whoever called is told in the same way
                near.close()
                continue
            self._ends += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while words := one.recv(65_536):
                if one not in self._silent:
                    other.sendall(words)
        if one not in self._silent:
            for end in (one, other):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as line:
            return line.recv(4) == b"SSH-"
    except OSError:
        return False
