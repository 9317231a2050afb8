"""A far side for each test, ended whatever happens to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from journeys.line.far import FarSide
    from journeys.line.sshd import Sshd
    from journeys.service import Service


@pytest.fixture
def far(tmp_path: Path) -> Iterator[FarSide]:
    """A far side behind an ssh that is cut where the test says."""
    from journeys.line.far import FarSide

    made = FarSide(tmp_path / "far")
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """A real one, on the loopback."""
    from journeys.line.sshd import Sshd

    made = Sshd(tmp_path / "sshd")
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def shop(far: FarSide) -> Iterator[Callable[..., Service]]:
    """Makes the project `shop` in the far home, with a release v1."""
    made: list[Service] = []

    def make(**how: Any) -> Service:
        service = far.service(**how)
        made.append(service)
        service.add_release("v1")
        return service

    try:
        yield make
    finally:
        for service in made:
            service.close()
