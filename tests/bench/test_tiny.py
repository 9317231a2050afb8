"""The stand-ins for wrk and the fastest server."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bench.tiny import load

from bench import common


def test_every_connection_is_answered_and_counted(tmp_path: Path) -> None:
    port = common.free_port()
    argv = [sys.executable, "-m", "bench.tiny", "serve", "--port", str(port)]
    with common.started(argv, tmp_path / "log", port):
        said = asyncio.run(load(port, connections=4, seconds=0.2))
    assert said["failed"] == 0
    assert said["per_s"] > 100
    assert 0 < said["p99_ms"] < 1000
