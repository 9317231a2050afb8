"""A service on three hosts that are folders of this machine: the real agent on each, a real HAProxy in front, and an
`ssh` that goes to the folder of a host instead of a machine. A line can be cut, and a host lost with all it runs."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from adapters.traffic.haproxies import WHY_NOT, Haproxy
from free_ports import free_port
from journeys.service import LONG_S, Done
from mobius.adapters.fleet.agent import keeper, processes
from mobius.config import load
from mobius.host.client import HostClient, HostRefused, HostUnavailable

HOSTS = ("web1", "web2", "web3")

# What mobius calls: the words before the host's address are dropped, the last one goes to the host's shell.
SSH = """#!/bin/sh
for last; do :; done
while [ "$1" != "--" ]; do shift; done
name=${2#deploy@}
top=%(top)s/$name
if [ -e "$top/cut" ]; then echo "ssh: connect to host $name port 22: No route to host" >&2; exit 255; fi
cd "$top/home" || exit 255
HOME="$top/home" exec sh -c "$last"
"""

CONFIG = """
service = "shop"
policy = "<policy>"

[release]
source = "releases/{tag}"

[[process]]
name = "web"
kind = "web"
start = [<python>, "-I", "-S", "web.py"]
stop_timeout = "5s"
<more>
[health]
path = "/health"
interval = "50ms"
min_healthy = "100ms"
deadline = "15s"

[[smoke]]
name = "front page"
get = "/"
expect = ["status == 200"]

[door]
drain_timeout = "5s"

[monitor]
interval = "<interval>"
<monitor>
[traffic]
kind = "haproxy"
socket = "proxy/admin.sock"
config = "proxy/haproxy.cfg"

[environments.production]
target = "ssh"
url = "http://127.0.0.1:<port>"
window = "<window>"

[environments.production.fleet]
max_parallel = 2
timeout = "20s"
<fleet>
"""

HOST = """
[[environments.production.host]]
name = "{name}"
address = "deploy@{address}"
reached_at = "{at}"
port = {port}
roles = {roles}
"""


class Fleet:
    """The project, its hosts and HAProxy. `close` ends all that was started for them."""

    def __init__(
        self,
        folder: Path,
        *,
        ssh: str,
        hosts: Sequence[str],
        python: str,
        window: str,
        interval: str = "200ms",
        fleet: str,
        more: str,
        policy: str = "conservative",
        monitor: str = "",
    ) -> None:
        self.folder = folder
        self.root = folder / ".mobius" / "production"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        bin_folder = folder / "bin"
        bin_folder.mkdir(parents=True)
        program = bin_folder / "ssh"
        program.write_text(ssh)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.environ = {
            **os.environ,
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        text = CONFIG.replace("<python>", json.dumps(python)).replace("<port>", str(self.port))
        text = (
            text.replace("<window>", window)
            .replace("<interval>", interval)
            .replace("<fleet>", fleet)
            .replace("<more>", more)
        )
        text = text.replace("<policy>", policy).replace("<monitor>", monitor)
        self.config = folder / "mobius.toml"
        self.config.write_text(text + "".join(hosts))

    def add_release(self, tag: str, ails: str = "") -> None:
        """A release, healthy or not."""
        folder = self.folder / "releases" / tag
        folder.mkdir(parents=True)
        shutil.copy(Path(__file__).with_name("web.py"), folder)
        shutil.copy(Path(__file__).parents[1] / "program" / "alone.py", folder)
        (folder / "release.txt").write_text(tag)
        (folder / "ails.txt").write_text(ails)

    def ail(self, host: str, what: str) -> None:
        """From now on what runs there ails of that: "fails", "v2-fails", "v2-fails-slowly", "sick"."""
        (self.host_root(host) / "ails.txt").write_text(what)

    def mobius(self, *words: str, expect: int | None = None, within_s: float = LONG_S) -> Done:
        """The command, as people type it."""
        done = subprocess.run(
            [sys.executable, "-m", "mobius", *words],
            cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=within_s,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        result = Done(done.returncode, done.stdout, done.stderr)
        assert expect is None or result.code == expect, str(result)
        return result

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The same, going on beside the test."""
        return subprocess.Popen(
            [sys.executable, "-m", "mobius", *words],
            cwd=self.folder, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def answers(self, times: int = 12) -> set[str]:
        """What the front page says, by whichever host answers."""
        return {self.get("/") for _ in range(times)}

    def get(self, path: str) -> str:
        """One answer, its code where it is no good one."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=30) as answer:
                return str(answer.read().decode().strip())
        except urllib.error.HTTPError as problem:
            return str(problem.code)

    def host(self, name: str) -> Path:
        """The folder of one host."""
        return self.folder / "hosts" / name

    def host_root(self, name: str) -> Path:
        """Where mobius keeps its things there."""
        return self.host(name) / "home" / "mobius" / "shop-production"

    def told(self, name: str) -> dict[str, Any]:
        """What the host keeps of what it was told."""
        return dict(json.loads((self.host_root(name) / "fleet.json").read_text()))

    def runs(self, name: str) -> set[str]:
        """`slot/process=release` of everything that runs there now."""
        seen = keeper.read_seen(self.host_root(name))["processes"]
        return {
            f"{key}={one['release']}"
            for key, one in seen.items()
            if processes.is_alive(one["pid"], one["started"])
        }

    def cut(self, name: str) -> None:
        """Nobody reaches the host any more; what it runs goes on."""
        (self.host(name) / "cut").touch()
        self._end_lines(name)

    def heal(self, name: str) -> None:
        """It is reached again."""
        (self.host(name) / "cut").unlink()

    def lose(self, name: str) -> None:
        """The host is gone with everything that it ran."""
        self.cut(name)
        self._end_host(name)

    def _end_lines(self, name: str) -> None:
        root = os.fsencode(str(self.host_root(name)))
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
                if b"serve" in words and root in words:
                    os.kill(int(entry.name), signal.SIGKILL)

    def _end_host(self, name: str) -> None:
        root = self.host_root(name)
        told = keeper.read_seen(root)["keeper"]
        if told and processes.is_alive(told["pid"], told["started"]):
            os.kill(told["pid"], signal.SIGKILL)
        for _, _, _, pid in list(processes.left_behind(root)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def close(self) -> None:
        """Ends the supervisor, the lines and the hosts."""
        with contextlib.suppress(HostUnavailable, HostRefused):
            HostClient(self.root).shutdown(stop_slots=True)
        for name in HOSTS:
            self._end_lines(name)
            self._end_host(name)


class Load:
    """Requests without a pause, some of them slow, from a few threads; what failed is kept."""

    def __init__(self, url: str, threads: int = 4) -> None:
        self.sent = 0
        self.failed: list[str] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._go, args=(url, "/slow" if number % 2 else "/"), daemon=True)
            for number in range(threads)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def _go(self, url: str, path: str) -> None:
        while not self._stop.is_set():
            try:
                with urllib.request.urlopen(url + path, timeout=15) as answer:
                    answer.read()
            except OSError as problem:
                self.failed.append(f"{path}: {problem}")
            self.sent += 1
            self._stop.wait(0.02)


@contextlib.contextmanager
def a_fleet(
    *,
    window: str = "1s",
    fleet: str = "",
    more: str = "",
    roles: dict[str, list[str]] | None = None,
    policy: str = "conservative",
    monitor: str = "",
) -> Iterator[Fleet]:
    """Three hosts with nothing on them yet, behind HAProxy. Skips where there is no HAProxy."""
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    folder = Path(tempfile.mkdtemp(prefix="mobius-fl-"))
    rows = []
    for name in HOSTS:
        (folder / "hosts" / name / "home").mkdir(parents=True)
        given = json.dumps((roles or {}).get(name, ["web"]))
        rows.append(HOST.format(name=name, address=name, at="127.0.0.1", port=free_port(2), roles=given))
    ssh = SSH % {"top": folder / "hosts"}
    made = Fleet(
        folder,
        ssh=ssh,
        hosts=rows,
        python=sys.executable,
        window=window,
        fleet=fleet,
        more=more,
        policy=policy,
        monitor=monitor,
    )
    try:
        settings = load(made.config, environ=os.environ).environment("production")
        with Haproxy(folder / "proxy", "shop", settings):
            yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


def until(condition: Callable[[], object], what: str, within_s: float = 30.0) -> None:
    """Waits for it."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, f"not within {within_s:g} s: {what}"
        time.sleep(0.05)
