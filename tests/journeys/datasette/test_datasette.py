"""A service that nobody here wrote: two published releases of Datasette, and three that go wrong, under load."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from journeys.input.project import quiet_environment
from journeys.service import Done, Service, wait_until
from mobius.adapters.load import Load, LoadReport

pytestmark = [pytest.mark.slow, pytest.mark.journey]

EXAMPLE = Path(__file__).parents[3] / "examples" / "datasette"
OLD, NEW = "0.64.8", "0.65.2"
ROWS = 5000

# The same server, spoilt: what a release of it could do to its users.
SPOILT = {
    "never-healthy": 'if path == "/-/versions.json": status = 503',
    "exits-after-5s": "import threading; threading.Timer(5.0, lambda: os._exit(3)).start()",
    "answers-500": 'if "/films" in path and age_s > 8.0: status = 500',
}


@dataclass(slots=True)
class Shop:
    """The example as a user has it, with its own port, and what was seen so far."""

    service: Service

    def deploy(self, tag: str) -> tuple[Done, LoadReport, float]:
        """Deploys under load, and returns what users saw."""
        load = Load(
            self.service.url,
            keepalive=8,
            fresh=4,
            post_share=0.0,
            rate=40.0,
            rtt_ms=40.0,
            paths=("/films/film.json?_size=5&_shape=array", "/films/film", "/films/film/7"),
            slow_path="/films/film?_sort=year&_size=100",
        ).start()
        began = time.monotonic()
        try:
            done = self.service.mobius("deploy", "--tag", tag, timeout_s=400)
        finally:
            report = load.stop()
        print(
            f"\n{tag}: exit {done.code}, {time.monotonic() - began:.0f} s, {report.requests} requests, ",
            end="",
        )
        print(f"{len(report.lost)} lost, errors of releases {report.errors_by_release}")
        return done, report, time.monotonic() - began


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("datasette") / "project"
    with Service(folder, alone=False) as service:
        # pip takes its own settings (a proxy, another index) from the environment of whoever runs this.
        service.environ = {**service.environ, **quiet_environment(folder), "HOME": str(Path.home())}
        refuse_without_index(folder)
        shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
        text = (EXAMPLE / "mobius.toml").read_text().replace("127.0.0.1:8001", f"127.0.0.1:{service.port}")
        text = text.replace('"python3"', f'"{sys.executable}"').replace('window = "10m"', 'window = "25s"')
        service.config.write_text(text.replace("[monitor]", "[door]\nexpose_release = true\n\n[monitor]"))
        database(service.root / "shared" / "data" / "films.db")
        service.mobius("deploy", "--tag", OLD, "--detach", expect=0, timeout_s=400)
        service.mobius("accept", expect=0)
        yield Shop(service)


def refuse_without_index(folder: Path) -> None:
    """Skips, and says why, where Datasette cannot be had."""
    ask = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), f"datasette=={NEW}"]
    done = subprocess.run(ask, capture_output=True, text=True, timeout=120)
    if done.returncode:
        pytest.skip(f"no package index can be reached: {done.stderr.strip().splitlines()[-1:]}")


def database(file: Path) -> None:
    """A few thousand rows of a user."""
    file.parent.mkdir(parents=True)
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE film (id INTEGER PRIMARY KEY, title TEXT, year INTEGER, plot TEXT)")
        rows = ((f"Film number {n}", 1900 + n % 125, "It rains. " * (n % 40)) for n in range(1, ROWS + 1))
        connection.executemany("INSERT INTO film (title, year, plot) VALUES (?, ?, ?)", rows)
    connection.close()


def spoil(shop: Shop, tag: str) -> None:
    """Makes the new version into a release that goes wrong, by a wrapper around its server."""
    wrapper = f"""
import os, sys, time
BEGAN = time.monotonic()
sys.argv[0] = "datasette"
from datasette.app import Datasette
real = Datasette.app
def spoilt(self):
    inner = real(self)
    async def app(scope, receive, send):
        path, status, age_s = scope.get("path", ""), 0, time.monotonic() - BEGAN
        {SPOILT[tag] if "status" in SPOILT[tag] else "pass"}
        if not status or scope["type"] != "http":
            return await inner(scope, receive, send)
        await send({{"type": "http.response.start", "status": status, "headers": [(b"content-length", b"4")]}})
        await send({{"type": "http.response.body", "body": b"oops"}})
    return app
Datasette.app = spoilt
{"" if "status" in SPOILT[tag] else SPOILT[tag]}
from datasette.cli import cli
cli()
"""
    folder = shop.service.folder / "release"
    (folder / "spoilt.py").write_text(wrapper)
    text = shop.service.config.read_text().replace(
        "venv/bin/datasette serve", "venv/bin/python spoilt.py serve"
    )
    shop.service.config.write_text(text.replace("datasette==$RELEASE_TAG", f"datasette=={NEW}"))


def version(shop: Shop) -> Any:
    """The version that answers."""
    return shop.service.get("/-/versions.json")["datasette"]["version"]


def test_a_new_version_takes_over_and_no_request_is_lost(shop: Shop) -> None:
    assert version(shop) == OLD

    done, seen, _ = shop.deploy(NEW)

    assert done.code == 0, done
    assert version(shop) == NEW
    assert seen.lost == () and seen.errors_by_release == {}
    assert {release.split("-")[0] for release in seen.by_release} == {OLD, NEW}


@pytest.mark.parametrize("tag", SPOILT)
def test_a_bad_one_is_taken_back_and_no_request_is_lost_to_a_switch(shop: Shop, tag: str) -> None:
    before = version(shop)
    usual = shop.service.config.read_text()
    shop.service.config.write_text(usual.replace('deadline = "60s"', 'deadline = "15s"'))
    if tag == "exits-after-5s":
        shop.service.config.write_text(usual.replace('window = "25s"', 'window = "120s"'))
    spoil(shop, tag)
    try:
        done, seen, _ = shop.deploy(tag)
    finally:
        shop.service.config.write_text(usual)

    assert done.code == 12, done
    assert version(shop) == before
    wait_until(lambda: shop.service.status()["live"]["tag"] == before, 20)
    counted = shop.service.host.counters().switches
    assert [switch.failed_because_of_switch for switch in counted] == [0] * len(counted)
    # One that dies takes along what it was answering at that moment; nothing else is lost, whatever happens.
    assert seen.lost == () or tag == "exits-after-5s"
