"""A real nginx or Caddy in a folder of its own, configured by what we print, gone afterwards in any case."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

from host.sites import wait_for
from mobius.model.settings import EnvironmentSettings
from mobius.report.snippets.caddy import caddy_configuration, caddy_snippet
from mobius.report.snippets.live_socket import Static
from mobius.report.snippets.nginx import nginx_configuration, nginx_snippet


def why_not(kind: str) -> str:
    """Why there can be no such proxy here; "" when there can."""
    return "" if shutil.which(kind) else f"there is no {kind} here (apt-get install nginx-light caddy)"


class Proxy:
    """`kind` is nginx or caddy. It listens where the settings say, as whoever runs the test, or `user` (nginx)."""

    def __init__(
        self,
        kind: str,
        folder: Path,
        settings: EnvironmentSettings,
        statics: tuple[Static, ...] = (),
        *,
        service: str = "dhash",
        user: str = "",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = int(settings.listen.rpartition(":")[2])
        self.config = folder / f"{kind}.conf"
        if kind == "nginx":
            user = user or ("root" if os.getuid() == 0 else "")
            text = nginx_configuration(
                nginx_snippet(service, settings, statics), settings.listen, folder, user=user
            )
            self._argv = [
                "nginx",
                "-e",
                str(folder / "error.log"),
                "-g",
                "daemon off;",
                "-c",
                str(self.config),
            ]
        else:
            text = caddy_configuration(caddy_snippet(service, settings, statics), settings.listen, folder)
            self._argv = ["caddy", "run", "--adapter", "caddyfile", "--config", str(self.config)]
        self.config.write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of its first process."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Proxy:
        home = {
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder),
            "XDG_DATA_HOME": str(self.folder),
        }
        with (self.folder / "output.log").open("ab") as output:
            self._process = subprocess.Popen(
                self._argv, env={**os.environ, **home}, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            wait_for("the proxy to listen", self._listens)
        except BaseException:
            self.stop()
            raise AssertionError((self.folder / "output.log").read_text()) from None
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends it, and with it whoever it started."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def said(self) -> str:
        """What it wrote about errors."""
        log = self.folder / "error.log"
        return log.read_text() if log.exists() else ""

    def _listens(self) -> bool:
        assert self._process is not None and self._process.poll() is None
        with socket.socket() as line:
            return line.connect_ex(("127.0.0.1", self.port)) == 0
