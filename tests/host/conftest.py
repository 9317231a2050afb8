"""Sites for the tests of the host: one of its own for a test, or one that a module shares."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from host.sites import Site, new_site

SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture(autouse=True, scope="session")
def _children_find_the_source() -> None:
    os.environ["PYTHONPATH"] = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")]).rstrip(
        os.pathsep
    )


@pytest.fixture
def site() -> Iterator[Site]:
    yield from new_site()


@pytest.fixture(scope="module")
def shared() -> Iterator[Site]:
    """A site that the tests of one module share: slot blue with release r1 behind an open door."""
    for site in new_site():
        site.start("blue", "r1")
        site.client.configure_door(site.listen)
        site.client.route({"blue": 1})
        yield site
