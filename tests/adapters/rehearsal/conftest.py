"""What the tests of rehearsals share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.rehearsal.ground import a_place


@pytest.fixture
def place() -> Iterator[Path]:
    with a_place() as folder:
        yield folder
