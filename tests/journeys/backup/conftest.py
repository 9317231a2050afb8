"""One ground for all kills of a file; it is only replaced after a test that failed on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from journeys.backup.ground import Ground


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder: Path = tmp_path_factory.mktemp("ground") / "service"
    made = Ground(folder)
    try:
        yield made
    finally:
        made.close()
