"""Processor and memory of the release's processes, as the share of what they may use at most."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from mobius.model.sample import Sample

CGROUPS = Path("/sys/fs/cgroup")
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the processes may use: the machine, or less where a control group says so."""

    cpus: float
    memory_bytes: float


@dataclass(frozen=True, slots=True)
class _Used:
    """Processor seconds so far and bytes now, of the trees below these roots."""

    roots: frozenset[tuple[int, float]]
    cpu_s: float
    memory_bytes: int
    at: float


class Resources:
    """Reads the processes that `pids` names and all their children; with None, the whole machine."""

    def __init__(
        self,
        pids: Callable[[], Sequence[int]] | None,
        monotonic: Callable[[], float],
        *,
        cgroups: Path = CGROUPS,
        proc: Path = PROC,
    ) -> None:
        self._pids = pids
        self._monotonic = monotonic
        self._cgroups = cgroups
        self._proc = proc
        self._last: _Used | None = None
        if pids is None:
            psutil.cpu_percent(None)
        else:
            self.sample(0.0)

    def sample(self, now: float) -> tuple[Sample, Sample]:
        """CPU and memory in percent, or why not. Never raises."""
        try:
            return self._machine(now) if self._pids is None else self._processes(now, self._pids())
        except Exception as error:  # a signal never raises: what went wrong is the reason
            reason = str(error).partition("\n")[0] or repr(error)
            return Sample("cpu", now, missing=reason), Sample("memory", now, missing=reason)

    def _machine(self, now: float) -> tuple[Sample, Sample]:
        cpu, memory = psutil.cpu_percent(None), psutil.virtual_memory().percent
        return Sample("cpu", now, value=cpu), Sample("memory", now, value=memory)

    def _processes(self, now: float, pids: Sequence[int]) -> tuple[Sample, Sample]:
        used = _used(pids, self._monotonic())
        last, self._last = self._last, used
        if used is None:
            reason = "none of its processes is there" if pids else "its processes are not known"
            return Sample("cpu", now, missing=reason), Sample("memory", now, missing=reason)
        limits = limits_of(next(iter(used.roots))[0], self._cgroups, self._proc)
        memory = Sample("memory", now, value=100 * used.memory_bytes / limits.memory_bytes)
        if last is None or last.roots != used.roots or used.at <= last.at:
            return Sample("cpu", now, missing="its processes have just started"), memory
        spent_s = max(0.0, used.cpu_s - last.cpu_s)
        return Sample("cpu", now, value=100 * spent_s / ((used.at - last.at) * limits.cpus)), memory


def limits_of(pid: int, cgroups: Path = CGROUPS, proc: Path = PROC) -> Limits:
    """The machine's processors and memory, or the tightest control group's above this process (v2 or v1)."""
    cpus, memory_bytes = float(psutil.cpu_count() or 1), float(psutil.virtual_memory().total)
    try:
        lines = (proc / str(pid) / "cgroup").read_text().splitlines()
    except OSError:  # not Linux, or gone
        return Limits(cpus, memory_bytes)
    for line in lines:
        _, controllers, path = line.split(":", 2)
        names = controllers.split(",")
        if controllers == "":
            for group in _upwards(cgroups, path):
                quota, period, *_ = *_words(group / "cpu.max"), None, None
                cpus = min(cpus, quota / period if quota and period else cpus)
                memory_bytes = min(memory_bytes, _number(group / "memory.max") or memory_bytes)
        if "cpu" in names:
            for group in _upwards(cgroups / "cpu", path):
                quota, period = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
                cpus = min(cpus, quota / period if quota and period and quota > 0 else cpus)
        if "memory" in names:
            for group in _upwards(cgroups / "memory", path):
                memory_bytes = min(memory_bytes, _number(group / "memory.limit_in_bytes") or memory_bytes)
    return Limits(cpus, memory_bytes)


def _used(pids: Sequence[int], at: float) -> _Used | None:
    """The sum over the trees; None when no root is there. A process that ends meanwhile is left out."""
    roots: set[tuple[int, float]] = set()
    cpu_s, memory_bytes = 0.0, 0
    seen: set[int] = set()
    for pid in pids:
        try:
            root = psutil.Process(pid)
            tree = [root, *root.children(recursive=True)]
            roots.add((pid, root.create_time()))
        except psutil.NoSuchProcess:
            continue
        for process in tree:
            if process.pid in seen:
                continue
            seen.add(process.pid)
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    # A child that ended is counted on in its parent's children_*: nothing is lost or doubled.
                    cpu_s += times.user + times.system
                    cpu_s += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
                    memory_bytes += process.memory_info().rss
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
    return _Used(frozenset(roots), cpu_s, memory_bytes, at) if roots else None


def _upwards(root: Path, path: str) -> Iterator[Path]:
    """The group and every one above it; inside a container only the root itself may be there."""
    group = root / path.strip("/")
    yield group
    while group != root:
        group = group.parent
        yield group


def _words(file: Path) -> list[float | None]:
    """The numbers in a file of one line; "max" is None; nothing where there is no file."""
    try:
        return [float(word) if word.isdigit() else None for word in file.read_text().split()]
    except OSError:
        return []


def _number(file: Path) -> float | None:
    words = _words(file)
    return words[0] if words else None
