"""Journeys of this folder: a project of one's own, or one that many tests share because none may touch it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from journeys.input.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project(tmp_path / "shop") as made:
        yield made


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with Project(tmp_path_factory.mktemp("input") / "shop") as made:
        made.release("v2")
        yield made.deployed("v1")


@pytest.fixture
def untouched(serving: Project) -> Iterator[Project]:
    """A project where v1 is live. Whatever the test does, the same processes serve the same release after it."""
    before = _standing(serving)
    yield serving
    serving.configure()
    assert serving.serves("v1")
    assert _standing(serving) == before


def _standing(project: Project) -> dict[str, Any]:
    """Everything that would be different if somebody had touched what serves."""
    host = project.host.status()
    processes = {
        slot: [(p.name, p.pid, p.restarts) for p in there.processes if p.state == "running"]
        for slot, there in host.slots.items()
    }
    links = {name: (project.root / name).is_symlink() for name in ("current", "previous")}
    assert host.door is not None
    return {
        "processes": {slot: there for slot, there in processes.items() if there},
        "weights": host.door.weights,
        "links": links,
        "current": (project.root / "current").readlink(),
        "version": (project.root / "VERSION").read_text(),
        "data": {file.name: file.read_bytes() for file in (project.shared / "data").iterdir()},
    }


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "journeys/input" in item.path.as_posix():
            item.add_marker(pytest.mark.journey)
