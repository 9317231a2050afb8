"""The Django project of `blog/` on a host of the bed, as people run it: gunicorn, a worker, a timer, PostgreSQL."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from beds.host import Host
from beds.inside import WentWrong
from beds.mobius import install_mobius

BLOG = Path(__file__).parent / "blog"
SITE = Path(__file__).parents[1] / "kill" / "site"
MARKS = "/var/tmp/strike"  # stays over a reboot
BIN = Path(sys.executable).parent
FOLDER = "/srv/blog"
JOURNAL = f"{FOLDER}/.mobius/production/journal.db"
PORT = 5001
LONG_S = 90.0  # on a machine that does other things, too
STUCK = ("failed", "needs a person", "refused", "aborted")
CONFIG = f"""
service = "blog"
policy = "conservative"

[release]
source = "releases/{{tag}}"

[[process]]
name = "web"
kind = "web"
start = ["{BIN}/gunicorn", "--config", "gunicorn.conf.py", "blog.wsgi"]
env_file = "shared/secrets"
stop_timeout = "15s"

[[process]]
name = "work"
kind = "worker"
start = ["{BIN}/python", "manage.py", "work"]
env_file = "shared/secrets"
stop_timeout = "10s"

[[process]]
name = "tidy"
kind = "singleton"
start = ["{BIN}/python", "manage.py", "tidy"]
env_file = "shared/secrets"
schedule = "*:*:0/2"
stop_timeout = "10s"

[backup]
paths = ["shared/secrets"]

[health]
path = "/health"
expect = ["status == 200"]
interval = "200ms"
min_healthy = "400ms"
timeout = "10s"
deadline = "60s"

[[smoke]]
name = "front page"
get = "/"
expect = ["status == 200", "json.posts >= 0"]

[monitor]
interval = "500ms"

[systemd]
user = "blog"

[environments.production]
target = "systemd"
url = "http://127.0.0.1:{PORT}"
listen = "0.0.0.0:{PORT}"
window = "10m"
"""
SECRETS = "SECRET_KEY=of-the-journey\nDJANGO_SETTINGS_MODULE=blog.settings\n"


@dataclass(frozen=True, slots=True)
class Life:
    """One sentence of a worker's or a timer's life."""

    who: str
    what: str
    release: str
    pid: int


class Blog:
    """In /srv/blog of this host. The deploy user deploys it; the service is a user of its own, the database's, too."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.url = f"http://{host.address}:{PORT}"

    def set_up(self, traffic: str = "", *, groups: Sequence[str] = ()) -> None:
        """All that comes before the first deployment; `traffic` is added to mobius.toml."""
        host = self.host
        install_mobius(host)
        host.run(["systemctl", "enable", "--now", "postgresql"], timeout=60)
        host.run(["usermod", "--append", "--groups", ",".join(["systemd-journal", *groups]), "deploy"])
        host.run(["useradd", "--system", "blog"])
        host.run(["createuser", "blog"], user="postgres")
        host.run(["createdb", "--owner=blog", "blog"], user="postgres")
        host.write(f"{FOLDER}/mobius.toml", CONFIG + traffic)
        host.write(f"{FOLDER}/.mobius/production/shared/secrets", SECRETS)
        for tag in ("v1", "v2", "v3"):
            self.add_release(tag)
        host.run(["chown", "-R", "deploy:deploy", FOLDER])
        env = dict(line.split("=") for line in SECRETS.split())
        host.run([BIN / "python", "manage.py", "migrate"], user="blog", cwd=f"{FOLDER}/releases/v1", env=env)
        host.run(["mobius", "host", "install", "--yes"], cwd=FOLDER)
        rules = host.run(["mobius", "host", "install", "--sudoers", "deploy"], cwd=FOLDER).stdout
        host.write("/etc/sudoers.d/mobius-blog", rules, mode=0o440)

    def add_release(self, tag: str, **behaviour: Any) -> None:
        """`bad_after=N`: it answers 500 from the N-th request on."""
        place = f"{FOLDER}/releases/{tag}"
        self.host.put(BLOG, place, owner="deploy")
        self.host.write(f"{place}/RELEASE", f"{tag}\n", owner="deploy")
        self.host.write(f"{place}/behaviour.json", json.dumps(behaviour), owner="deploy")

    def mobius(
        self, *argv: str, expect: int | None = 0, env: dict[str, str] | None = None
    ) -> CompletedProcess[str]:
        """As the deploy user, in the project; asserts the exit code."""
        done = self.host.run(
            ["mobius", *argv], user="deploy", cwd=FOLDER, env=env or {}, check=False, timeout=180
        )
        assert expect is None or done.returncode == expect, (
            f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def begin(self) -> None:
        """The first release is live and kept."""
        self.mobius("deploy", "--tag", "v1", "--detach")
        self.mobius("accept")

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.mobius("status", "--json", expect=None).stdout))

    def live(self) -> str:
        """The release that answers; "" when none does."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=10) as answer:
                return str(json.load(answer)["version"])
        except OSError:
            return ""

    def active(self) -> set[str]:
        """The units of the releases that are up, as `web@blue.service`."""
        listed = self.host.run(
            ["systemctl", "list-units", "--plain", "--no-legend", "--state=active", "mobius-blog-*"]
        )
        names = (line.split()[0].removeprefix("mobius-blog-") for line in listed.stdout.splitlines())
        return {name for name in names if "@" in name and not name.startswith("run@")}

    def await_live(self, tag: str, slot: str, *, warm: str = "") -> None:
        """Until the release answers, and exactly its units are up; with those of `warm` for the web."""
        expected = {f"web@{slot}.service", f"work@{slot}.service", f"tidy@{slot}.timer"}
        expected |= {f"web@{warm}.service"} if warm else set()
        seen: list[object] = []

        def is_so() -> bool:
            seen[:] = [self.live(), sorted(name for name in self.active() if name != f"tidy@{slot}.service")]
            return seen == [tag, sorted(expected)]

        try:
            self.host.wait_until(is_so, f"{tag} in {slot}", within=LONG_S)
        except WentWrong as late:
            raise WentWrong(f"{late}\nseen: {seen}\n{self.mobius('status', expect=None).stdout}") from None

    def await_state(self, *states: str) -> str:
        """Until the newest run that changes something is in one of these states, or in one that it cannot leave."""
        seen: list[str] = []

        def is_so() -> bool:
            seen[:] = [self.newest_run()["state"]]
            return seen[0] in (*states, *STUCK)

        self.host.wait_until(is_so, f"the run to be {' or '.join(states)}", within=LONG_S)
        assert seen[0] in states, f"{self.newest_run()}\n{self.mobius('status', expect=None).stdout}"
        return seen[0]

    def await_event(self, run: int, kind: str) -> None:
        """Until something of this kind was written down of the run."""
        query = f"select count(*) from events where run_id = {run} and kind = '{kind}'"
        asked = ["sqlite3", "-readonly", JOURNAL, query]
        self.host.wait_until(
            lambda: int(self.host.run(asked, user="deploy").stdout) > 0,
            f"{kind!r} of run {run}",
            within=LONG_S,
        )

    def newest_run(self) -> dict[str, Any]:
        """Of those that change something: not the watch that follows a rollback."""
        query = (
            "select id, state, sentence, exit_code from runs where kind != 'monitor' order by id desc limit 1"
        )
        said = self.host.run(["sqlite3", "-readonly", "-json", JOURNAL, query], user="deploy").stdout
        return dict(json.loads(said)[0])

    def strike(self, when: str, label: str, *, signal: int = 9) -> dict[str, str]:
        """What the environment of a command must say, so that its runner is hit once, at that write of its journal."""
        self.host.run(["rm", "-rf", MARKS])
        self.host.run(["install", "-d", "-o", "deploy", MARKS])
        told = {"folder": MARKS, "when": when, "label": label, "number": 0, "who": "runner"}
        return {
            "PYTHONPATH": str(SITE),
            "STRIKE": json.dumps(told | {"signal": signal, "times": 1, "root": ""}),
        }

    def has_struck(self) -> bool:
        """Whether the moment of the last strike came."""
        return self.host.run(["test", "-e", f"{MARKS}/struck-0"], check=False).returncode == 0

    def lives(self) -> list[Life]:
        """What workers and timers wrote down, in the order in which it happened."""
        query = "select who, what, release, pid from blog_life order by id"
        rows = self.host.run(["psql", "-tA", "-F,", "-c", query, "blog"], user="postgres").stdout.splitlines()
        return [
            Life(who, what, release, int(pid)) for who, what, release, pid in (row.split(",") for row in rows)
        ]
