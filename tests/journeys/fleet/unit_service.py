"""A service of three processes (web, worker, timer) on a host of the bed, deployed with `mobius` under systemd."""

from __future__ import annotations

import json
import os
import select
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from subprocess import PIPE, STDOUT, CompletedProcess, Popen
from typing import Any

from beds.host import Host
from beds.mobius import install_mobius

PARTS = Path(__file__).parent / "parts"
PORT = 5001
CONFIG = """
service = "probe"
policy = "conservative"

[release]
source = "releases/{{tag}}"

[[process]]
name = "api"
kind = "web"
start = ["/usr/bin/python3", "web.py"]
stop_timeout = "10s"
ready = "{ready}"
env = {{ GREETING = "100% \\"plain\\" $HOME" }}

[[process]]
name = "mail"
kind = "worker"
start = ["/usr/bin/python3", "alone.py", "mail"]
stop_timeout = "5s"

[[process]]
name = "cron"
kind = "singleton"
start = ["/usr/bin/python3", "alone.py", "cron", "{cron_s}"]
schedule = "*:*:*"
stop_timeout = "5s"

[backup]
paths = ["shared/data"]

[health]
path = "/health"
expect = ["status == 200"]
interval = "100ms"
min_healthy = "200ms"
deadline = "20s"

[[smoke]]
name = "front page"
get = "/health"
expect = ["status == 200"]

[monitor]
interval = "500ms"

[systemd]
{systemd}

[environments.production]
target = "systemd"
url = "http://127.0.0.1:5001"
listen = "0.0.0.0:5001"
window = "{window}"
"""


class UnitService:
    """The project in /srv/probe of this host, which belongs to `owner`."""

    def __init__(self, host: Host, *, owner: str = "deploy", **how: str) -> None:
        self.host, self.owner = host, owner
        self.folder = "/srv/probe"
        install_mobius(host)
        host.run(["mkdir", "-p", f"{self.folder}/releases", f"{self.folder}/.mobius/production/shared/data"])
        host.write(f"{self.folder}/.mobius/production/shared/data/kept", "kept\n")
        given = {"ready": "health", "window": "120s", "systemd": "", "cron_s": "0.3"} | how
        host.write(f"{self.folder}/mobius.toml", CONFIG.format(**given))
        host.run(["chown", "-R", f"{owner}:{owner}", self.folder])

    def add_release(self, tag: str) -> None:
        """A release whose version is its tag; one that begins with `bad` answers 500 once it is 4 s old."""
        place = f"{self.folder}/releases/{tag}"
        for part in ("web.py", "alone.py"):
            self.host.write(f"{place}/{part}", (PARTS / part).read_text())
        self.host.write(f"{place}/VERSION", f"{tag}\n")
        self.host.run(["chown", "-R", f"{self.owner}:{self.owner}", place])

    def install(self) -> None:
        """The units, by root; and the sudo rules for the owner."""
        self.mobius("host", "install", "--yes", user="root")
        if self.owner != "root":
            rules = self.mobius("host", "install", "--sudoers", self.owner, user="root").stdout
            self.host.write("/etc/sudoers.d/mobius-probe", rules, mode=0o440)
            self.host.run(["usermod", "-aG", "systemd-journal", self.owner])

    def mobius(
        self, *argv: str, user: str = "", expect: int | None = 0, timeout: float = 120
    ) -> CompletedProcess[str]:
        """Runs the command as its owner, and asserts its exit code."""
        done = self.host.run(
            ["mobius", *argv], user=user or self.owner, cwd=self.folder, check=False, timeout=timeout
        )
        assert expect is None or done.returncode == expect, (
            f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def deploy(self, tag: str, *argv: str, expect: int = 0) -> CompletedProcess[str]:
        """Until its window is open."""
        return self.mobius("deploy", "--tag", tag, "--detach", *argv, expect=expect)

    def get(self, path: str = "/", timeout: float = 10) -> Mapping[str, Any]:
        """What the front door answers to us, from outside of the host; raises when it does not answer 200."""
        with urllib.request.urlopen(f"http://{self.host.address}:{PORT}{path}", timeout=timeout) as answer:
            return dict(json.load(answer))

    def live(self) -> str:
        """The version that answers; "" when none does."""
        try:
            return str(self.get("/health")["version"])
        except urllib.error.HTTPError as refused:
            return str(json.load(refused)["version"]) if refused.code == 500 else ""
        except OSError:
            return ""

    def await_live(self, tag: str, within: float = 30) -> None:
        self.host.wait_until(lambda: self.live() == tag, f"{tag} to be live", within=within)

    def said(self, name: str) -> list[str]:
        """What a process that runs alone said, line by line."""
        path = f"{self.folder}/.mobius/production/shared/{name}.said"
        done = self.host.run(["cat", path], check=False)
        return done.stdout.splitlines()

    def pid(self, unit: str) -> int:
        return int(self.host.show(unit, "MainPID")["MainPID"])

    def deploy_until(self, tag: str, words: str, within: float = 60) -> None:
        """Begins to deploy, and returns once it has said this: whoever follows it is killed then."""
        with self.host.popen(
            ["mobius", "deploy", "--tag", tag], user=self.owner, cwd=self.folder, stdout=PIPE, stderr=STDOUT
        ) as following:
            try:
                seen = _read_until(following, words, within)
            finally:
                following.kill()
        assert words in seen, seen

    def runs(self) -> list[Mapping[str, Any]]:
        """Every run as `mobius history --json` tells it, newest first."""
        told = self.mobius("history", "--json").stdout.splitlines()
        return [json.loads(line) for line in told]


def _read_until(process: Popen[bytes], words: str, within: float) -> str:
    seen, give_up_at = b"", time.monotonic() + within
    assert process.stdout is not None
    while words.encode() not in seen and time.monotonic() < give_up_at:
        if not select.select([process.stdout], [], [], 0.5)[0]:
            continue
        more = os.read(process.stdout.fileno(), 65_536)
        if not more:
            break
        seen += more
    return seen.decode(errors="replace")
