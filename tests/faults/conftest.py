"""The shim compiled once, a warm process under it, and a stage for each scene; skipped where there can be none."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from faults.shim import compiled, why_not
from faults.stage import Stage, serving, stage_of

Ask = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library to preload."""
    if reason := why_not():
        pytest.skip(reason)
    return compiled(tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="session")
def ask(shim: Path) -> Iterator[Ask]:
    with serving(shim) as asking:
        yield asking


@pytest.fixture(scope="session")
def stages(ask: Ask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Stage]]:
    """`stages("create")`: prepared once, played many times; in memory where there is a disk of memory, since thousands
    of fsyncs on a shared disk take hours."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK):
        folder = Path(tempfile.mkdtemp(prefix="mobius-faults-", dir=memory))
    else:
        folder = tmp_path_factory.mktemp("stages")
    made: dict[str, Stage] = {}

    def stage(name: str) -> Stage:
        if name not in made:
            made[name] = stage_of(name, folder, ask)
        return made[name]

    try:
        yield stage
    finally:
        shutil.rmtree(folder, ignore_errors=True)
