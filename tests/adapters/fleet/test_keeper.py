"""One keeper a host, however many are asked for, and none where there is no host any more."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from adapters.fleet.agents import ended, line_to, until


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    with ended(tmp_path / "host"):
        yield tmp_path / "host"


def keepers(root: Path) -> list[int]:
    """Every keeper of this host, also one that only waits for the lock."""
    found = []
    for one in psutil.process_iter(["cmdline"]):
        words = one.info["cmdline"] or []
        if "keep" in words and str(root) in words:
            found.append(one.pid)
    return found


def test_many_lines_at_once_make_one_keeper(root: Path) -> None:
    lines = [line_to(root) for _ in range(4)]
    for token, line in enumerate(lines, 1):
        line.ask("fence", token=token)
        line.close()
    until(lambda: len(keepers(root)) == 1, "one keeper is left")


def test_a_keeper_goes_with_its_host(root: Path) -> None:
    line = line_to(root)
    line.ask("fence", token=1)
    line.close()
    shutil.rmtree(root)
    until(lambda: not keepers(root), "nobody keeps a host that is gone")
