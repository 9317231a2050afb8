"""What a step of processes costs: wall, processor time with all descendants, peak memory; and an equal page cache."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.backup_mix import files
from bench.common import BenchFailed, python_path

SAMPLE_S = 0.02


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one step, or of several one after the other."""

    wall_s: float
    cpu_s: float
    peak_bytes: int

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.wall_s + other.wall_s, self.cpu_s + other.cpu_s, max(self.peak_bytes, other.peak_bytes)
        )


def run(*pipeline: Sequence[str], cwd: Path, environ: Mapping[str, str] | None = None) -> Cost:
    """Run one command, or several joined by pipes. BenchFailed when one of them fails, with its words."""
    log = cwd / ".bench-log"
    began_s = time.perf_counter()
    started: list[subprocess.Popen[bytes]] = []
    try:
        with log.open("wb") as told:
            for number, argv in enumerate(pipeline):
                last = number == len(pipeline) - 1
                started.append(
                    subprocess.Popen(
                        list(argv),
                        cwd=cwd,
                        env={**os.environ, "PYTHONPATH": python_path(), **(environ or {})},
                        stdin=started[-1].stdout if started else subprocess.DEVNULL,
                        stdout=told if last else subprocess.PIPE,
                        stderr=told,
                    )
                )
                if number:
                    before = started[-2].stdout
                    assert before is not None
                    before.close()
        with _watching([each.pid for each in started]) as peak:
            cpu_s = sum(_ended(each, log) for each in started)
            wall_s = time.perf_counter() - began_s
    finally:
        for each in started:
            if each.returncode is None:
                each.kill()
                each.wait()
    log.unlink()
    return Cost(wall_s, cpu_s, peak[0])


def python(*words: str, cwd: Path) -> Cost:
    """Run one of our own ways in an interpreter of its own, whose start is part of the cost."""
    return run([sys.executable, "-m", *words], cwd=cwd)


def evict(*roots: Path) -> None:
    """Take the content of files out of the page cache, so that the next reader has it from the disk. Written pages are
    synced first; the machine's other work keeps its cache."""
    os.sync()
    for root in roots:
        for path in files(root) if root.is_dir() else [root]:
            _advise(path)


def warm(*roots: Path) -> None:
    """Read all once, so that the next reader has it from memory."""
    os.sync()
    for root in roots:
        for path in files(root) if root.is_dir() else [root]:
            with path.open("rb", buffering=0) as file:
                while file.read(1 << 20):
                    pass


def _advise(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


def _ended(process: subprocess.Popen[bytes], log: Path) -> float:
    """Wait for it; its processor time with that of all it waited for."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        words = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        raise BenchFailed(f"{process.args!r} ended with {process.returncode}:\n{words}")
    return used.ru_utime + used.ru_stime


@contextlib.contextmanager
def _watching(pids: Sequence[int]) -> Iterator[list[int]]:
    """The highest sum, at one moment, of the processes' own high-water marks. `ru_maxrss` would begin with the size of
    the process that forked, which is ours."""
    peak, stop = [0], threading.Event()

    def watch() -> None:
        while True:
            peak[0] = max(peak[0], sum(_high_water_bytes(pid) for pid in _family(pids)))
            if stop.wait(SAMPLE_S):
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def _family(pids: Sequence[int]) -> set[int]:
    family = set(pids)
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            family |= {child.pid for child in psutil.Process(pid).children(recursive=True)}
    return family


def _high_water_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith(b"VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
