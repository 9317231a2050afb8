"""A field for kill tests: shared by the tests of a file, and replaced after one that failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from journeys.kill.field import Field
from journeys.service import Service


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Field]]:
    """The present field, a new one when the last is in doubt."""
    made: list[Field] = []

    def present() -> Field:
        if not made or made[-1].broken:
            for old in made:
                old.service.close()
            folder: Path = tmp_path_factory.mktemp("field")
            made.append(Field(Service(folder, window="600ms", interval="200ms")))
            made[-1].begin()
        return made[-1]

    try:
        yield present
    finally:
        for one in made:
            one.service.close()


@pytest.fixture
def ground(fields: Callable[[], Field]) -> Field:
    """A service in order, with a release to go back to."""
    return fields()
