"""A Django project on a host of the bed: PostgreSQL, gunicorn, a worker and a timer, as people have them."""

from __future__ import annotations

import json
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType

from beds.host import Host
from journeys.fleet.unit_service import UnitService

PROJECT = Path(__file__).parent / "blog"
PYTHON = Path(sys.executable)
CONFIG = """
service = "probe"
policy = "conservative"

[release]
source = "releases/{{tag}}"

[[process]]
name = "web"
kind = "web"
start = ["{gunicorn}", "blog.wsgi"]
stop_timeout = "15s"
env = {{ SECRET_KEY = "only here", PGUSER = "deploy" }}

[[process]]
name = "worker"
kind = "worker"
start = ["{python}", "manage.py", "work"]
stop_timeout = "10s"
env = {{ SECRET_KEY = "only here", PGUSER = "deploy" }}

[[process]]
name = "tidy"
kind = "singleton"
start = ["{python}", "manage.py", "tidy"]
schedule = "*:*:*"
stop_timeout = "10s"
env = {{ SECRET_KEY = "only here", PGUSER = "deploy" }}

[health]
path = "/health"
expect = ["status == 200", "json.status == \\"OK\\""]
interval = "200ms"
min_healthy = "400ms"
deadline = "60s"

[[smoke]]
name = "posts"
get = "/"
expect = ["status == 200", "json.posts >= 0"]

[monitor]
interval = "500ms"

[environments.production]
target = "systemd"
url = "http://127.0.0.1:5001"
listen = "0.0.0.0:5001"
window = "{window}"
"""


class BlogService(UnitService):
    """The project in /srv/probe, its database in the host's own PostgreSQL."""

    def __init__(self, host: Host, *, window: str = "120s") -> None:
        super().__init__(host)
        told = {"gunicorn": PYTHON.with_name("gunicorn"), "python": PYTHON, "window": window}
        host.write(f"{self.folder}/mobius.toml", CONFIG.format(**told))
        host.run(["systemctl", "enable", "--now", "postgresql@15-main"])
        for words in (["createuser", "deploy"], ["createdb", "-O", "deploy", "blog"]):
            host.run(words, user="postgres")
        self.add_release("v1")
        place = f"{self.folder}/releases/v1"
        env = {"SECRET_KEY": "only here", "PGUSER": "deploy"}
        host.run([str(PYTHON), "manage.py", "migrate"], user=self.owner, cwd=place, env=env, timeout=120)
        self.install()

    def add_release(self, tag: str, **behaviour: int) -> None:
        """The same project under another name; `bad_after=N` answers 500 from the N-th page on."""
        place = f"{self.folder}/releases/{tag}"
        for file in sorted(PROJECT.rglob("*.py")):
            self.host.write(f"{place}/{file.relative_to(PROJECT)}", file.read_text())
        self.host.write(f"{place}/RELEASE", f"{tag}\n")
        self.host.write(f"{place}/behaviour.json", json.dumps(behaviour))
        self.host.run(["chown", "-R", f"{self.owner}:{self.owner}", place])

    def lives(self, who: str) -> list[tuple[str, str]]:
        """What it wrote down of its lives, oldest first: (what, release)."""
        query = f"SELECT what, release FROM blog_life WHERE who = '{who}' ORDER BY id"
        done = self.host.run(["psql", "-d", "blog", "-AtF", " ", "-c", query], user=self.owner)
        return [(words[0], words[1]) for words in (line.split() for line in done.stdout.splitlines())]

    def await_life(self, who: str, what: str, release: str) -> None:
        """Until the newest such word is of this release."""
        self.host.wait_until(
            lambda: [life for life in self.lives(who) if life[0] == what][-1:] == [(what, release)],
            f"{who} to {what} in {release}",
            within=60,
        )

    def assert_never_two(self) -> None:
        """No second one was alive beside the first, and no release came back while another one's was at work."""
        for who in ("worker", "timer"):
            assert [life for life in self.lives(who) if life[0] == "TWO"] == []

    def turns(self, who: str, what: str) -> list[str]:
        """The releases in the order in which their worker or timer took over from another's."""
        releases = [release for said, release in self.lives(who) if said == what]
        return releases[:1] + [after for before, after in pairwise(releases) if before != after]


class Readers:
    """People who read and post all the time, from outside of the host, and count what goes wrong."""

    def __init__(self, service: UnitService, count: int = 4) -> None:
        self._service = service
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._read, args=(n,), daemon=True) for n in range(count)]
        self.answers = 0
        self.failures: list[str] = []
        self.releases: set[str] = set()

    def __enter__(self) -> Readers:
        for one in self._threads:
            one.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for one in self._threads:
            one.join(30)

    def _read(self, number: int) -> None:
        url = f"http://{self._service.host.address}:5001/"
        while not self._ended.is_set():
            body = f"post of reader {number}".encode() if number % 2 else None
            try:
                with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=10) as answer:
                    self.releases.add(json.load(answer)["release"])
                self.answers += 1
            except urllib.error.HTTPError as refused:
                self.failures.append(f"{refused.code}")
            except (OSError, ValueError) as problem:
                self.failures.append(repr(problem))
            self._ended.wait(0.02)


def only_from(failures: Sequence[str], allowed: str) -> bool:
    """Whether nothing but this went wrong."""
    return set(failures) <= {allowed}
