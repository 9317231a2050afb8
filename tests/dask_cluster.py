"""A cluster of Dask on loopback: a real scheduler and real workers, each a process, gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from free_ports import free_port

WITHIN_S = 90.0


@dataclass
class DaskCluster:
    """`workers` in the order they were started; `log` has what all of them say."""

    address: str
    log: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add_worker(self, *, environ: Mapping[str, str] | None = None, inside: Sequence[str] = ()) -> None:
        """One more, of one thread, once the scheduler knows it. `inside`: the command that runs it."""
        words = [
            "worker",
            self.address,
            "--host",
            "127.0.0.1",
            "--nthreads",
            "1",
            "--no-nanny",
            "--no-dashboard",
        ]
        scratch = ["--local-directory", str(self.log.parent)]
        self.workers.append(_dask([*words, *scratch], self.log, environ, inside))
        many = len([one for one in self.workers if one.poll() is None])
        _until(lambda: self.log.read_text().count("Register worker") >= many, self.log)

    def kill(self, number: int) -> None:
        """As a machine that loses its power."""
        self.workers[number].send_signal(signal.SIGKILL)
        self.workers[number].wait()


@contextmanager
def dask_cluster(folder: Path, workers: int = 2) -> Iterator[DaskCluster]:
    """A scheduler with that many workers."""
    port, log = free_port(), folder / "dask.log"
    words = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    scheduler = _dask(words, log)
    cluster = DaskCluster(f"tcp://127.0.0.1:{port}", log)
    try:
        _until(lambda: "Scheduler at" in log.read_text(), log)
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        for process in [*cluster.workers, scheduler]:
            process.kill()
            process.wait()


def _dask(
    words: list[str], log: Path, environ: Mapping[str, str] | None = None, inside: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(
            [*inside, sys.executable, "-W", "ignore", "-m", "dask", *words],
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environ or {})},
        )


def _until(holds, log: Path) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.05)
