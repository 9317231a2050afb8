"""A service on three systemd hosts, its journal in PostgreSQL, HAProxy in front: ready to be struck."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from adapters.traffic.haproxies import Haproxy
from beds.bed import Bed
from beds.host import Host
from journeys.fleet.matrix.leftovers import KINDS, clear_what_dead_ones_left, prefix_of
from journeys.hosts.fleet_service import HOST, HOSTS, Fleet, until
from journeys.service import Done
from mobius.config import load
from mobius.host.client import HostClient, HostRefused, HostUnavailable
from postgres_server import PostgresServer, new_server

PORT = 8001
HOST_DISK_MIB, HERE_DISK_MIB = 512, 320
LONG_S = 240.0  # on a machine that does other things, too
SITE = Path(__file__).parents[2] / "kill" / "site"
SSH = '#!/bin/sh\nexec /usr/bin/ssh -F %s "$@"\n'
FIRST = "CREATE TABLE applied_once (number int);\n"
MORE = """
env = { BIND = "0.0.0.0" }

[backup]
paths = ["shared/data"]

[migrations]
kind = "sql"
path = "migrations"
database = "shared/data/app.db"

[rehearsal]
boot = false

[journal]
kind = "postgres"
url_env = "JOURNAL_URL"
"""
KEEPER = """
[Unit]
After=network-online.target

[Service]
User=deploy
ExecStart=/usr/bin/python3 -I {root}/agent/agent.pyz keep --root {root}
KillMode=process
Restart=always

[Install]
WantedBy=multi-user.target
"""
ON_HOST = "/home/deploy/mobius/shop-production"


@dataclass(frozen=True, slots=True)
class Ran:
    """A run as the journal has it."""

    id: int
    kind: str
    state: str
    tag: str
    sentence: str


class Ground(Fleet):
    """The project. `deploy` and `rollback` begin a run that stands still at a moment; `go_on` lets it go."""

    def __init__(self, bed: Bed, folder: Path, aside: Path, server: PostgresServer) -> None:
        self.machines: dict[str, Host] = {name: bed.host(name, disk_mib=HOST_DISK_MIB) for name in HOSTS}
        config = folder / "ssh_config"
        config.write_text("\n".join(one.ssh_config.read_text() for one in self.machines.values()))
        rows = [
            HOST.format(name=name, address=one.address, at=one.address, port=PORT, roles='["web"]')
            for name, one in self.machines.items()
        ]
        super().__init__(
            folder, ssh=SSH % config, hosts=rows, python="python3", window="4s",
            interval="500ms", fleet="failure_budget = 1", more=MORE,
        )  # fmt: skip
        self.server = server
        self.aside = aside  # for what the test itself writes, when the disk of `folder` is full
        server.query("CREATE DATABASE journal")
        self.environ["COLUMNS"] = "1000"  # a fact is a line
        self.environ["JOURNAL_URL"] = server.url("journal")
        (self.root / "shared" / "data").mkdir(parents=True)
        with closing(sqlite3.connect(self.root / "shared" / "data" / "app.db")) as connection:
            connection.execute("CREATE TABLE post (text)")
            connection.commit()
        self.tags: list[str] = []
        self.migrations = 0
        self.strikes = 0
        self.is_well = False
        self.proxy: Haproxy

    def begin(self) -> None:
        """A release is live on every host, and its keeper begins with the machine, as the guide says."""
        self.mobius("deploy", "--tag", self.next_tag(), expect=0)
        for machine in self.machines.values():
            unit = "/etc/systemd/system/mobius-shop.service"
            machine.write(unit, KEEPER.format(root=ON_HOST))
            machine.run(["systemctl", "enable", "mobius-shop"])
        self.is_well = True

    def next_tag(self, *, migrates: bool = True) -> str:
        """A new release, with one migration more than the last."""
        tag = f"v{len(self.tags) + 1}"
        self.migrations += migrates
        self.add_release(tag)
        folder = self.folder / "releases" / tag / "migrations"
        folder.mkdir()
        for number in range(1, self.migrations + 1):
            text = f"{FIRST if number == 1 else ''}INSERT INTO applied_once VALUES ({number});\n"
            (folder / f"{number:03}_step.sql").write_text(text)
        self.tags.append(tag)
        return tag

    def mobius(self, *words: str, expect: int | None = None, within_s: float = LONG_S) -> Done:
        """The command, as people type it."""
        return super().mobius(*words, expect=expect, within_s=within_s)

    # -- a run that is struck ----------------------------------------------------------------------------------

    @property
    def strike_folder(self) -> Path:
        return self.aside / "strikes" / str(self.strikes)

    def halted(
        self, moment: str, when: str, words: Sequence[str], environ: Mapping[str, str]
    ) -> subprocess.Popen[str]:
        """Starts the command, and returns when its runner stands at this write of its journal."""
        self.strikes += 1
        self.is_well = False
        folder = self.strike_folder
        folder.mkdir(parents=True)
        os.mkfifo(folder / "go")
        told = {"label": moment, "when": when, "who": "waits", "number": 0, "times": 1}
        told |= {"folder": str(folder), "root": str(self.root)}
        path = os.pathsep.join(filter(None, (str(SITE), self.environ.get("PYTHONPATH"))))
        kept = self.environ
        self.environ = {**kept, "PYTHONPATH": path, "STRIKE": json.dumps(told), **environ}
        try:
            running = self.start(*words)
        finally:
            self.environ = kept
        try:
            until(lambda: self.runner_pid or running.poll() is not None, f"the runner at {moment}", LONG_S)
            assert self.runner_pid, f"{moment} never came\n{running.communicate()[0]}"
        except BaseException:
            running.kill()
            raise
        return running

    @property
    def runner_pid(self) -> int:
        """Of the runner that stands still, 0 before it does."""
        with suppress(OSError, ValueError):
            if (self.strike_folder / "struck-0").read_text():
                return int((self.strike_folder / "pid").read_text())
        return 0

    def go_on(self) -> None:
        """The runner that waits goes on; nothing where it was killed meanwhile."""

        def is_told() -> bool:
            with suppress(OSError):
                os.close(os.open(self.strike_folder / "go", os.O_WRONLY | os.O_NONBLOCK))
                return True
            return not psutil.pid_exists(self.runner_pid)

        until(is_told, "the runner to wait at the pipe")

    # -- what there is to see ----------------------------------------------------------------------------------

    def runs(self) -> list[Ran]:
        """Newest first."""
        asked = "SELECT id, kind, state, plan::json->>'tag', sentence FROM mobius.runs ORDER BY id DESC"
        return [Ran(*row) for row in self.server.query(asked, database="journal")]

    def applied(self) -> list[int]:
        """The migrations, as often as each was applied."""
        with closing(sqlite3.connect(self.root / "shared" / "data" / "app.db")) as connection:
            return [row[0] for row in connection.execute("SELECT number FROM applied_once ORDER BY number")]

    def left_out(self) -> dict[str, str]:
        """The hosts that take no part, and why."""
        try:
            told = json.loads((self.root / "run" / "fleet.json").read_text())
        except FileNotFoundError:
            return {}
        return {one["host"]: one["why"] for one in told["absent"]}

    def log(self) -> str:
        """The end of the deployment log, for whoever must find out why a cell failed."""
        return "\n".join((self.folder / "logs" / "deployment.log").read_text().splitlines()[-40:])

    def close(self) -> None:
        """Ends the supervisor."""
        with suppress(HostUnavailable, HostRefused):
            HostClient(self.root).shutdown(stop_slots=True)


@contextmanager
def a_ground() -> Iterator[Ground]:
    """With a release to go back to. Its folder is a small disk of its own, which can be filled."""
    clear_what_dead_ones_left()
    with ExitStack() as standing:
        server = new_server(fsync="on", full_page_writes="on")
        standing.callback(server.close)
        server.start()
        folder, aside = (Path(tempfile.mkdtemp(prefix=prefix_of(kind))) for kind in KINDS)
        for place in (folder, aside):
            standing.callback(shutil.rmtree, place, ignore_errors=True)
        disk = ("-t", "tmpfs", "-o", f"size={HERE_DISK_MIB}m,mode=755", "tmpfs")
        subprocess.run(["mount", *disk, folder], check=True)
        standing.callback(subprocess.run, ["umount", "--lazy", folder], check=False)
        ground = Ground(standing.enter_context(Bed()), folder, aside, server)
        standing.callback(ground.close)
        settings = load(ground.config, environ=ground.environ).environment("production")
        ground.proxy = standing.enter_context(Haproxy(folder / "proxy", "shop", settings))
        ground.begin()
        yield ground
