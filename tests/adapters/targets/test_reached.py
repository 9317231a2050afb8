"""Where a web process is asked past the front door, by what it really listens on."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mobius.adapters.targets.reached import reached_at


@pytest.fixture
def path() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield str(Path(folder) / "web.sock")


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        line.listen(5)
        yield line.getsockname()[1]


def test_a_port_is_asked_while_nothing_shows_a_socket(path: str) -> None:
    assert reached_at(None, None) == ""
    assert reached_at(5001, path) == "http://127.0.0.1:5001"
    Path(path).write_text("no socket")
    assert reached_at(5001, path) == "http://127.0.0.1:5001"


def test_a_socket_is_asked_where_nobody_listens_on_the_port(path: str, listening: int) -> None:
    with socket.socket() as free, socket.socket(socket.AF_UNIX) as line:
        free.bind(("127.0.0.1", 0))
        line.bind(path)
        assert reached_at(free.getsockname()[1], path) == f"unix:{path}"
        assert reached_at(None, path) == f"unix:{path}"
        assert reached_at(listening, path) == f"http://127.0.0.1:{listening}"
