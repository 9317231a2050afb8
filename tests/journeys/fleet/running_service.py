"""A Node service on one TCP port that runs under systemd behind nginx, put there by hand: what `adopt` takes over."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from beds.host import Host
from beds.mobius import install_mobius
from mobius.adapters.load import Answer, Load

PARTS = Path(__file__).parent / "parts"
TREE, PROJECT = "/srv/app", "/srv/app-deploy"
UNIT_FILE = "/etc/systemd/system/app.service"
DROP_IN = "/etc/systemd/system/app.service.d/limits.conf"
SITE = "/etc/nginx/sites-available/app"
UNIT = """\
[Unit]
Description=The app, set up by hand
After=network.target

[Service]
User=app
Group=app
WorkingDirectory=/srv/app
Environment=NODE_ENV=production
EnvironmentFile=/etc/default/app
ExecStart=/usr/bin/node server.js
Restart=always
NoNewPrivileges=true
LimitNOFILE=4096

[Install]
WantedBy=multi-user.target
"""
# As somebody wrote it: tabs, a comment with the same words, an upstream with kept connections.
NGINX = """\
# the app: proxy_pass http://127.0.0.1:3000;
upstream app {
\tserver 127.0.0.1:3000 max_fails=0;
\tkeepalive 16;
}

server {
\tlisten 80 default_server;
\tserver_name app.example.org;
\tlocation / {
\t\tproxy_http_version 1.1;
\t\tproxy_set_header Connection "";
\t\tproxy_set_header Host $host;
\t\tproxy_pass http://app;
\t}
\tlocation /assets/ { alias /srv/app/assets/; }
}
"""
CADDYFILE = "/etc/caddy/Caddyfile"
CADDY = """\
# the app: reverse_proxy localhost:3000
:80 {
\tencode gzip
\treverse_proxy localhost:3000 {
\t\theader_up X-Proxy caddy
\t}
}
"""
HAPROXY_CFG = "/etc/haproxy/haproxy.cfg"
HAPROXY = """\
global
\tstats socket /run/haproxy/admin.sock mode 660 level admin
\tuser haproxy
\tgroup haproxy
defaults
\tmode http
\ttimeout connect 5s
\ttimeout client 30s
\ttimeout server 30s
frontend web
\tbind *:80
\tdefault_backend app
backend app
\tserver s1 127.0.0.1:3000 check   # the app
"""


class RunningService:
    """The service in /srv/app, and a clone of its repository in /srv/app-deploy."""

    def __init__(self, host: Host, *, proxy: str = "nginx", owner: str = "root") -> None:
        self.host, self.proxy, self.owner = host, proxy, owner
        self._clock: list[str] = []
        install_mobius(host)
        host.run(["useradd", "--system", "--no-create-home", "app"])
        self._make_repository()
        host.write("/etc/default/app", "PORT=3000\nGREETING=good day\n", mode=0o640)
        host.write(DROP_IN, "[Service]\nLimitNOFILE=8192\n")
        host.write(UNIT_FILE, UNIT)
        host.run(["systemctl", "daemon-reload"])
        host.run(["systemctl", "enable", "--now", "app"])
        {
            "nginx": self._put_behind_nginx,
            "caddy": self._put_behind_caddy,
            "haproxy": self._put_behind_haproxy,
        }[proxy]()
        host.wait_until(lambda: self.version() == "v1", f"the service behind {proxy}", within=20)

    def _put_behind_nginx(self) -> None:
        self.host.write(SITE, NGINX, mode=0o640)
        self.host.run(["rm", "-f", "/etc/nginx/sites-enabled/default"])
        self.host.run(["ln", "-s", "../sites-available/app", "/etc/nginx/sites-enabled/app"])
        self.host.run(["touch", "-d", "2020-02-02 02:02:02.123456789", SITE])
        self.host.run(["systemctl", "enable", "nginx"])
        self.host.run(["systemctl", "restart", "nginx"])

    def _put_behind_caddy(self) -> None:
        self.host.write(CADDYFILE, CADDY)
        self.host.run(["touch", "-d", "2020-02-02 02:02:02.123456789", CADDYFILE])
        self.host.run(["systemctl", "enable", "caddy"])
        self.host.run(["systemctl", "restart", "caddy"])

    def _put_behind_haproxy(self) -> None:
        self.host.write(HAPROXY_CFG, HAPROXY)
        self.host.run(["touch", "-d", "2020-02-02 02:02:02.123456789", HAPROXY_CFG])
        self.host.run(["systemctl", "enable", "haproxy"])
        self.host.run(["systemctl", "restart", "haproxy"])

    def _make_repository(self) -> None:
        git = ["git", "-c", "user.name=app", "-c", "user.email=app@example.org", "-C", TREE]
        self.host.write(f"{TREE}/server.js", (PARTS / "tcp_only.js").read_text())
        self.host.run(["git", "init", "-q", TREE])
        for tag in ("v1", "v2", "bad3", "v4"):
            self.host.write(f"{TREE}/VERSION", f"{tag}\n")
            self.host.run([*git, "add", "-A"])
            self.host.run([*git, "commit", "-q", "-m", tag])
            self.host.run([*git, "tag", tag])
        self.host.run([*git, "checkout", "-q", "v1"])
        self.host.run(["git", "clone", "-q", TREE, PROJECT])
        self.host.run(["chown", "-R", f"{self.owner}:{self.owner}", PROJECT])

    # -- doing ----------------------------------------------------------------------------------------------------

    def mobius(
        self, *argv: str, expect: int | None = 0, timeout: float = 180, user: str = "root"
    ) -> CompletedProcess[str]:
        """Runs the command in the clone, and asserts its exit code."""
        argv = (*self._clock, "mobius", *argv)
        done = self.host.run(argv, user=user, cwd=PROJECT, check=False, timeout=timeout)
        assert expect is None or done.returncode == expect, (
            f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def kill(self, *words: str) -> None:
        """kill -9 of every mobius with these words on its command line, inside of this host."""
        pattern = " ".join(["mobius", *words])
        self.host.run(["pkill", "-9", "-f", pattern], check=False)

    def let_hours_pass(self, hours: int = 5) -> None:
        """For mobius: its commands, its runners and its monitor find a clock that is so far on."""
        # Not libfaketime: a Python that sleeps until a moment of the monotonic clock hangs in it, or fails.
        self.host.write(
            "/opt/later/sitecustomize.py",
            f"import time\n\nnow = time.time\ntime.time = lambda: now() + {hours * 3600}\n",
        )
        self._clock = ["env", "PYTHONPATH=/opt/later"]
        for unit in ("mobius-app-run@", "mobius-app-monitor"):
            told = "[Service]\nEnvironment=PYTHONPATH=/opt/later\n"
            self.host.write(f"/run/systemd/system/{unit}.service.d/later.conf", told)
        self.host.run(["systemctl", "daemon-reload"])
        self.host.run(["systemctl", "restart", "mobius-app-monitor"])

    def watch_quickly(self) -> None:
        """Shorter times in mobius.toml than anybody would want in production."""
        text = self.host.read(f"{PROJECT}/mobius.toml")
        text = text.replace("[health]\n", '[health]\ninterval = "200ms"\nmin_healthy = "500ms"\n')
        text = text.replace("\n[release]", '\nwindow = "12s"\npolicy = "conservative"\n\n[release]', 1)
        self.host.write(f"{PROJECT}/mobius.toml", text + '\n[monitor]\ninterval = "2s"\n')

    def load(self, *, rate: float = 120.0) -> Load:
        """Strict clients at 40 ms, half of them posting."""
        return Load(
            self.url,
            keepalive=20,
            fresh=5,
            rtt_ms=40,
            rate=rate,
            paths=("/",),
            post_paths=("/echo",),
            slow_share=0.03,
            slow_path="/slow",
            sign=_signed,
        ).start()

    # -- looking --------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://{self.host.address}"

    def get(self, path: str = "/health") -> Mapping[str, Any]:
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return dict(json.load(answer))

    def version(self) -> str:
        """Of whatever answers through nginx; "" when nothing does."""
        try:
            return str(self.get().get("version", ""))
        except (OSError, ValueError, urllib.error.URLError):
            return ""

    def files(self) -> dict[str, str]:
        """Everything an adoption could touch outside of the project: content, mode, owner, time, links."""
        places = ["/etc/nginx", "/etc/caddy", "/etc/haproxy", "/etc/systemd/system", "/etc/default/app", TREE]
        argv = ["find", *places, "-not", "-type", "d", "-printf", r"%p\t%y %m %U:%G %T@ %l\n"]
        found = dict(line.split("\t", 1) for line in self.host.run(argv).stdout.splitlines())
        regular = [path for path, told in found.items() if told.startswith("f")]
        sums = self.host.run(["sha256sum", "--", *regular]).stdout.splitlines()
        return found | {line[66:]: f"{found[line[66:]]} {line[:64]}" for line in sums}

    def main_pid(self) -> int:
        return int(self.host.show("app.service", "MainPID")["MainPID"])

    def between(self, one: str, other: str) -> float:
        """Seconds between the last events of these two kinds."""
        rows = self.mobius("audit", "log", "--json").stdout.splitlines()
        at = {event["event"]: float(event["at"]) for event in map(json.loads, rows)}
        return at[other] - at[one]

    def status(self) -> Mapping[str, Any]:
        return dict(json.loads(self.mobius("status", "--json").stdout))


def _signed(answer: Answer) -> str | None:
    return answer.headers.get("x-release")


def digest(files: Mapping[str, str]) -> str:
    """One word for all of them."""
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def wait(seconds: float) -> None:
    """Lets time pass under load: there is no condition to wait for."""
    time.sleep(seconds)
