"""The how-tos of frameworks, from an empty folder to a rollback: real Node, Django, Datasette and ffmpeg."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from free_ports import free_port
from journeys.datasette.test_datasette import EXAMPLE, database
from journeys.input.project import quiet_environment
from journeys.service import Service
from pages.followed import Told, follow
from postgres_server import Database

pytestmark = [pytest.mark.journey, pytest.mark.slow]

AT_MOST_S = 1500.0  # packages are fetched, built and installed, on a machine that does other things, too


class Reader:
    """An empty folder, and who ends what the page left running in `name` below it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / "reader"
        self.service = Service(self.folder / name, alone=False)
        shutil.rmtree(self.folder / name)  # the reader makes it
        self.port = free_port()
        (folder / "home").mkdir()
        quiet = quiet_environment(folder / "home")
        self.environ = {**quiet, "HOME": str(Path.home()), **_author()}
        self.as_ = {
            "127.0.0.1:5001": f"127.0.0.1:{self.port}",
            "127.0.0.1:8001": f"127.0.0.1:{self.port}",
            '"python3"': json.dumps(sys.executable),
            "python3 ": f"{sys.executable} ",
        }

    def journal_has(self, state: str) -> bool:
        return bool(self.service.journal(f"SELECT 1 FROM runs WHERE state = '{state}'"))


def _author() -> dict[str, str]:
    names = ("GIT_AUTHOR", "GIT_COMMITTER")
    return {
        f"{who}_{what}": text
        for who in names
        for what, text in (("NAME", "Ada Example"), ("EMAIL", "ada@example.org"))
    }


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Callable[[str], Reader]]:
    made: list[Reader] = []

    def make(name: str) -> Reader:
        made.append(Reader(tmp_path, name))
        return made[-1]

    try:
        yield make
    finally:
        for one in made:
            one.service.close()


def needs(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def needs_package(folder: Path, name: str) -> None:
    """Skips, and says why, where no package index can be reached."""
    ask = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder / "asked"), name]
    done = subprocess.run(ask, capture_output=True, text=True, timeout=180)
    if done.returncode:
        pytest.skip(f"no package index can be reached: {done.stderr.strip().splitlines()[-1:]}")


def needs_npm_package(folder: Path, name: str) -> None:
    (folder / "asked").mkdir()
    ask = ["npm", "pack", "--silent", name]
    done = subprocess.run(ask, cwd=folder / "asked", capture_output=True, text=True, timeout=180)
    if done.returncode:
        pytest.skip(f"no registry can be reached: {done.stderr.strip().splitlines()[-1:]}")


def test_node(reader: Callable[[str], Reader], tmp_path: Path, new_database: Callable[..., Database]) -> None:
    needs("node", "npm", "npx", "git", "curl")
    needs_npm_package(tmp_path, "express@5")
    database, who = new_database("notes"), reader("notes")
    told: Told = follow(
        "docs/how-to/node.md",
        who.folder,
        environ={**who.environ, "DATABASE_URL": database.url},
        as_={**who.as_, "postgresql://notes:secret@127.0.0.1/notes": database.url},
        yes=("mobius rollback",),
        codes={"mobius migrate plan": 4},
        at_most_s=AT_MOST_S,
    )
    assert "it runs" in told.after("curl -s -X POST")
    planned = told.after("mobius migrate plan")
    assert "npx knex migrate:latest" in planned
    assert "mobius migrate rehearse -e production --tag v1.1.0" in planned
    assert "way back: code alone" in " ".join(told.after("mobius status").split())
    assert "it runs" in told.after("curl -s http")
    assert who.service.status()["live"]["tag"] == "v1.0.0"


def test_django(reader: Callable[[str], Reader], tmp_path: Path) -> None:
    needs("git", "curl")
    needs_package(tmp_path, "gunicorn")
    who = reader("shop")
    told = follow(
        "docs/how-to/django.md",
        who.folder,
        environ=who.environ,
        as_=who.as_,
        yes=("mobius rollback",),
        codes={"mobius migrate plan": 4},
        at_most_s=AT_MOST_S,
    )
    assert "products" in told.after("curl")
    assert "0002" in told.after("mobius migrate plan")
    assert "way back: code alone" in " ".join(told.after("mobius status").split())
    assert who.service.status()["live"]["tag"] == "v1"


def test_datasette(reader: Callable[[str], Reader], tmp_path: Path) -> None:
    needs("curl")
    needs_package(tmp_path, "datasette==0.65.2")
    who = reader("films")
    told = follow(
        "docs/how-to/datasette.md",
        who.folder,
        environ=who.environ,
        as_=who.as_,
        yes=("mobius rollback",),
        at_most_s=AT_MOST_S,
    )
    assert "Solaris" in told.after("curl")
    assert "0.65.2" in told.after("curl -s http://127.0.0.1:8001/-")
    assert who.service.status()["live"]["tag"] == "0.64.8"


def test_the_example_of_datasette(tmp_path: Path) -> None:
    needs_package(tmp_path, "datasette==0.65.2")
    service = Service(tmp_path / "example", alone=False)
    (tmp_path / "home").mkdir()
    quiet = quiet_environment(tmp_path / "home")
    try:
        shutil.copytree(EXAMPLE, service.folder, dirs_exist_ok=True)
        text = service.config.read_text().replace("127.0.0.1:8001", f"127.0.0.1:{service.port}")
        service.config.write_text(text.replace('"python3"', json.dumps(sys.executable)))
        database(tmp_path / "made" / "films.db")
        told = follow(
            "examples/datasette/README.md",
            service.folder,
            environ={**quiet, "HOME": str(Path.home()), "MONITOR_DURATION": "5"},
            as_={"cp films.db": f"cp {tmp_path}/made/films.db"},
            yes=("mobius rollback",),
            at_most_s=AT_MOST_S,
        )
        assert "0.64.8" in told.after("mobius rollback")
        assert service.status()["live"]["tag"] == "0.64.8"
    finally:
        service.close()


def test_a_media_pipeline(reader: Callable[[str], Reader]) -> None:
    needs("ffmpeg", "git")
    who = reader("studio")
    told = follow(
        "docs/how-to/media-pipeline.md",
        who.folder,
        environ={**who.environ, "CI": ""},
        as_=who.as_,
        at_most_s=AT_MOST_S,
    )
    assert "exit code 12" in told.after("mobius deploy --tag v2")
    assert "gate media failed 4 times in a row" in told.after("mobius deploy --tag v2")
    assert "_quality.html" in told.after("ls logs/quality")
    assert "exit code 3" in told.after("mobius media golden check")
    assert who.service.status()["live"]["tag"] == "v1"
