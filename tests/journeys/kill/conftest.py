"""A field for kill tests: shared by the tests of a file, and replaced after one that failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from journeys.kill.field import Field, kept_well
from journeys.service import Service


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Field]]:
    """The present field, a new one when the last is in doubt."""
    with kept_well(
        lambda: Field(Service(tmp_path_factory.mktemp("field"), window="600ms", interval="200ms")),
        Field.begin,
    ) as present:
        yield present


@pytest.fixture
def ground(fields: Callable[[], Field]) -> Field:
    """A service in order, with a release to go back to."""
    return fields()
