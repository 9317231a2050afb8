"""The beds as fixtures. `tests/conftest.py` gives them to every test; where there can be none, the test is skipped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .bed import Bed
    from .host import Host


@pytest.fixture
def bed() -> Iterator[Bed]:
    """A network for hosts: `bed.host("web")`, `bed.laptop()`."""
    from .bed import Bed
    from .possible import why_not

    if reason := why_not():
        pytest.skip(reason)
    with Bed() as made:
        yield made


@pytest.fixture
def host(bed: Bed) -> Host:
    """One host, booted."""
    return bed.host("host")
