"""What all tests share: a small real service in a temporary folder, ended whatever happens to the test."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from beds.fixtures import bed, host, pytest_runtest_makereport  # noqa: F401
from github_server import github  # noqa: F401
from postgres_server import new_database, postgres_server  # noqa: F401

if TYPE_CHECKING:
    from journeys.service import Service


# `make test` tries the same inputs on every machine, so that green stays green; `make fuzz` looks for others.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", print_blob=True, deadline=None)
settings.load_profile("same")

# A shell that starts the tests in the background has them ignore Ctrl-C, and all that they start with them.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest.register_assert_rewrite(
    "journeys.line.far",
    "journeys.line.sshd",
    "journeys.service",
    "journeys.kill.field",
    "journeys.switch.under_load",
)


@pytest.fixture(scope="session", autouse=True)
def own_caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a person's programs keep for later is neither read nor written; the beds are ours, and stay."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    with pytest.MonkeyPatch.context() as own:
        own.setenv("MOBIUS_BEDS", os.environ.get("MOBIUS_BEDS") or str(Path(cache, "mobius", "beds")))
        own.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("caches")))
        yield


@pytest.fixture
def new_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Makes services (`new_service(window="3s")`), each in a folder of its own."""
    from journeys.service import Service

    made: list[Service] = []

    def make(**how: object) -> Service:
        made.append(Service(tmp_path / f"service{len(made)}", **how))  # type: ignore[arg-type]
        return made[-1]

    try:
        yield make
    finally:
        for service in made:
            service.close()
